"""Conversations in the secure dialect: links come and go, lines stay."""
