"""Several nodes of one registry that share a PostgreSQL database."""
