"""The registry's storage: its tables, accounts, invitations, and databases."""
