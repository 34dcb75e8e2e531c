"""Lines left for users who are offline, and taken from our own box."""
