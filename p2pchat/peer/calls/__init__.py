"""Calls between peers, until both know who the other is."""
