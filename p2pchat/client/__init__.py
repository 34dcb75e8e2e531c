"""The interface to a node, in this process or another: orders go in, events come out."""
