"""The wire protocol, without I/O: no sockets, clocks, files, logs, databases or terminals."""
