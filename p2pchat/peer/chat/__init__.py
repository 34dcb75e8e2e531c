"""Conversations in the secure dialect, each of which outlives its links."""
