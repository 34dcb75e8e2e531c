"""How a registry is reached: listeners, connections, the operator's socket, metrics."""
