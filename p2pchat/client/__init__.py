"""One way to use a node, of this process or of another: orders go in, events come out."""
