"""What a registry keeps: its tables, accounts, invitations, and the databases that hold them."""
