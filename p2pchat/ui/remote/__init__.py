"""Screens and programs at a node of another process."""
