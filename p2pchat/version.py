"""The version of the program, in a place that loads nothing else."""

__version__ = "0.1.0"
