"""The user interface: screens, the prompt and programs. Knows clients of a node, and no node."""
