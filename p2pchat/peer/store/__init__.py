"""The data of a profile: accounts, keys, contacts and all lines."""
