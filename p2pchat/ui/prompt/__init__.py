"""The prompt on a terminal, by prompt_toolkit."""
