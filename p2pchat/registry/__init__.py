"""The server's mind and memory. No socket except in `server`."""
