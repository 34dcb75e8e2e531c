"""The ways between two nodes: dialling, circuits, punched holes, routers, the local network."""
