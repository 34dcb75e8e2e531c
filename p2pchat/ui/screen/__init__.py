"""The state of one screen: what is in front, what was typed, what happens."""
