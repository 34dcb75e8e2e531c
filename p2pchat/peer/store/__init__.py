"""What a profile keeps: accounts, keys, contacts and every line."""
