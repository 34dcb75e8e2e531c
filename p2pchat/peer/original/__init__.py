"""Chats in the original dialect: one at a time, in clear."""
