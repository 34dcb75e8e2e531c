"""The presence of contacts and of our user: online, away, do not disturb."""
