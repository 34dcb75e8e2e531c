"""`p2p doctor`: find out why a user cannot be online."""
