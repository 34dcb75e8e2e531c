"""The registry's network side: listeners, connections, the admin socket, metrics."""
