"""Help, examples, manual pages and completion, from what the commands say of themselves."""
