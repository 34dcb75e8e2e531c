"""Calls between peers, up to the point where each knows who the other is."""
