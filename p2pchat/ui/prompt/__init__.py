"""The prompt on a terminal, built with prompt_toolkit."""
