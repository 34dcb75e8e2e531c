"""The presence of contacts and of our user: online, away, not to be disturbed."""
