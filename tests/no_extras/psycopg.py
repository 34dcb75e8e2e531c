"""As on a machine where p2pchat was installed without the extra `postgres`."""

raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")
