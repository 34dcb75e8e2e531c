"""Commands for operators: running a registry and its accounts."""
