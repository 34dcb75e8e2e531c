"""What commands print: the last filter before a terminal, wherever a text comes from."""

import click


def echo(text: str = "", *, err: bool = False) -> None:
    """Print a line, or several, with everything replaced that a terminal would obey."""
    from p2pchat.protocol.text import printable

    click.echo(printable(text), err=err)


def echo_json(value: object) -> None:
    """Print a value as JSON on one line, for programs; nothing in it is obeyed by a terminal.

    In UTF-8, whatever the locale is (RFC 8259, 8.1).
    """
    from p2pchat.protocol.text import json_line

    click.echo(json_line(value).encode("utf-8", "replace"))
