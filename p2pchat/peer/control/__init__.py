"""The socket by which other processes of the user ask the node."""
