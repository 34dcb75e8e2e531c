"""Our own end: the node that logs in, calls and is called. No socket, no terminal."""
