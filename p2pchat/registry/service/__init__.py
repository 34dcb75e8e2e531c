"""The registry's decisions: logins, presence, rate limits."""
