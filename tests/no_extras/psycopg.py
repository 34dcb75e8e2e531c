"""Raises ModuleNotFoundError, as on a machine without the extra `postgres`."""

raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
