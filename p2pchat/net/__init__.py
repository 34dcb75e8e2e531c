"""How it travels: the loop, sockets, worker threads. Knows no message, except `link`."""
