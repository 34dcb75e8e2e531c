"""The manual: a page for each command, generated from the command's help.

`p2pchat.cli.write_manual` writes the pages. Knows roff, but no particular command.
"""

import inspect
import re
from collections.abc import Iterator
from typing import Final

import click

from p2pchat.cli.docs.examples import subcommands
from p2pchat.cli.docs.topics import TOPICS, Rows
from p2pchat.version import __version__

_ESCAPES: Final = str.maketrans(
    # Unescaped, - may become a hyphen, and quotes curly: neither works when pasted into a shell.
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def pages(root: click.Command, name: str) -> dict[str, str]:
    """Return the text of every page, by file name."""
    top = click.Context(root, info_name=name, **root.context_settings)
    return {f"{_page(ctx)}.1": _written(ctx) for ctx in _every(top)}


def _every(ctx: click.Context) -> Iterator[click.Context]:
    yield ctx
    for name, command in sorted(subcommands(ctx.command).items()):
        yield from _every(click.Context(command, info_name=name, parent=ctx))


def _page(ctx: click.Context) -> str:
    return ctx.command_path.replace(" ", "-")


def _written(ctx: click.Context) -> str:
    page, about = _page(ctx), _about(ctx.command)
    usage = " ".join(ctx.command.collect_usage_pieces(ctx))
    lines = [
        f'.TH {_text(page.upper())} 1 "" "p2pchat {__version__}" "p2pchat manual"',
        *(".nh", ".ad l"),  # no hyphenation or justification in commands
        *(".SH NAME", _text(f"{page} - {about}")),
        *(".SH SYNOPSIS", rf"\fB{_text(ctx.command_path)}\fR {_text(usage)}"),
        *(".SH DESCRIPTION", *_description(ctx.command)),
        *(".SH OPTIONS", *_rows(_options(ctx))),
    ]
    if commands := subcommands(ctx.command):
        lines.append(".SH COMMANDS")
        for name, command in sorted(commands.items()):
            lines += [".TP", _reference(f"{page}-{name}"), _text(_about(command))]
    if ctx.parent is None:
        lines += _topics()
    lines += [".SH SEE ALSO", *_see_also(ctx)]
    return "\n".join(lines) + "\n"


def _about(command: click.Command) -> str:
    """Return the first sentence of the command's help."""
    first = inspect.cleandoc(command.help or "").partition("\n\n")[0]
    return " ".join(first.split()).rstrip(".")


def _description(command: click.Command) -> Iterator[str]:
    for number, part in enumerate(inspect.cleandoc(command.help or "").split("\n\n")):
        if part.startswith("\b\n"):
            yield from (".PP", ".RS 4", ".nf")
            yield from (_text(line) for line in part.splitlines()[1:])
            yield from (".fi", ".RE")
        else:
            yield from ([".PP"] if number else [])
            yield _text(" ".join(part.split()))


def _options(ctx: click.Context) -> Rows:
    options = (each for each in ctx.command.get_params(ctx) if isinstance(each, click.Option))
    return [record for option in options if (record := option.get_help_record(ctx))]


def _rows(rows: Rows) -> Iterator[str]:
    for term, means in rows:
        bold = re.sub(r"(?<![\w-])(--?[\w-]+)", r"@b\1@r", term)
        marked = bold if bold != term else f"@b{term}@r"
        yield from (".TP", _text(marked).replace("@b", r"\fB").replace("@r", r"\fR"), _text(means))


def _topics() -> Iterator[str]:
    """Yield the contents of topics that are tables; other topics are only named."""
    for topic in TOPICS.values():
        for section in topic.sections():
            yield f".SH {_text(section.title.upper())}"
            yield from _rows(section.rows)
            if section.note:
                yield from (".PP", _text(section.note))
    yield ".SH MORE"
    texts = [(name, topic.about) for name, topic in TOPICS.items() if topic.text_file]
    yield from _rows([(f"p2p help {name}", about) for name, about in texts])


def _see_also(ctx: click.Context) -> Iterator[str]:
    """Name the parent commands, or where to begin."""
    above = []
    while ctx.parent is not None:
        ctx = ctx.parent
        above.append(_page(ctx))
    for page in above or [f"{_page(ctx)}-help"]:
        yield _reference(page)


def _reference(page: str) -> str:
    return f".BR {_text(page)} (1)"


def _text(text: str) -> str:
    """Return the text escaped for roff."""
    escaped = text.translate(_ESCAPES)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped
