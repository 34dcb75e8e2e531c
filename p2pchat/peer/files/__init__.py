"""Transfers of files: what is on the disk, and what goes over the wire."""
