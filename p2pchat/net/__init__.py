"""The network: the loop, sockets, worker threads. Only `link` knows messages."""
