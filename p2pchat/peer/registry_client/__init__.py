"""Our session with a registry: dialling, logging in, staying online."""
