"""What a registry decides: who may log in, who is online, how much each may ask."""
