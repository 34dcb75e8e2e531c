"""What a command is made of, without Click: settings, files, the loop, and the way to a node."""
