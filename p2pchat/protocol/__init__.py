"""The wire protocol, without sockets, clocks, files, logs, databases or terminals."""
