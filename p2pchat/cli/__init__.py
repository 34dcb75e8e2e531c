"""The command line: one file per command family; commands import heavy modules only when run."""
