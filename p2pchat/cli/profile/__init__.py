"""Commands on a profile: its settings, history and backups."""
