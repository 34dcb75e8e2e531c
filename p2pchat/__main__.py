"""`python -m p2pchat`: the same as `p2p`, in case that is not on the PATH."""

from p2pchat.cli.main import cli

cli(prog_name="p2p")
