"""The state of one screen: the conversation in front, typed lines, shown events."""
