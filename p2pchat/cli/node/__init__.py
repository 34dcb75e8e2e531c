"""How a command comes to a node: the one that runs, or one of its own."""
