"""What the shell sees: one file a command family, heavy imports inside commands."""
