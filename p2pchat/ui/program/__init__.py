"""Streams for programs: JSON, plain lines, hooks."""
