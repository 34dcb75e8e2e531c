"""The registry: its decisions, its storage and its server. Only `server` opens sockets."""
