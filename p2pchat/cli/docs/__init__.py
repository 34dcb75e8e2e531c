"""Help, examples, manual pages and completion, generated from the commands' own help."""
