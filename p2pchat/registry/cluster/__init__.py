"""Several nodes of one registry on a PostgreSQL that they share."""
