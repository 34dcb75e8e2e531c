"""`p2p doctor`: what keeps a user from being online."""
