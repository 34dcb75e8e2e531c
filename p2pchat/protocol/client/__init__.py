"""The protocol between a node and its clients: orders, results, events, state."""
