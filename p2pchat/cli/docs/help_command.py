"""`p2p help`: show any command's --help or a topic, in a pager if it is long."""

import shutil
import sys

import click
from click.shell_completion import CompletionItem

from p2pchat.app.terminal import is_terminal
from p2pchat.cli.docs.examples import matching, subcommands
from p2pchat.cli.docs.topics import TOPICS, Topic
from p2pchat.cli.echo import echo
from p2pchat.errors import UsageError, nearest


def _known(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete topics and commands, or the subcommands of a command already typed."""
    words = list(ctx.params.get("topic") or ())
    found = _find(ctx.find_root(), words)
    commands = subcommands(found.command) if found else {}
    choices = [*commands, *([] if words else (*TOPICS, "examples"))]
    return [CompletionItem(name) for name in choices if name.startswith(incomplete)]


@click.command(
    "help",
    help="""Show the help of a command, or of a TOPIC; without one, list both.

    \b
    p2p help users add
    p2p help exit-codes
    p2p help examples send
    """,
)
@click.argument("topic", nargs=-1, metavar="[TOPIC]", shell_complete=_known)
@click.pass_context
def help_(ctx: click.Context, topic: tuple[str, ...]) -> None:
    """Run `p2p help`."""
    root = ctx.find_root()
    if topic[:1] == ("examples",) and not topic[2:]:
        _show("\n".join(_examples(root, *topic[1:])))
    elif not topic:
        _show(f"{root.get_help()}\n\n{_listed(root)}")
    elif topic[0] in TOPICS and not topic[1:]:
        _show(_written(root, TOPICS[topic[0]]))
    elif (found := _find(root, list(topic))) is not None:
        _show(found.get_help())
    else:
        raise _unknown(root, list(topic))


def _find(root: click.Context, words: list[str]) -> click.Context | None:
    """Return a context of the command with that name, as if it were run; None if there is none."""
    found = root
    for word in words:
        group = found.command
        command = group.get_command(found, word) if isinstance(group, click.Group) else None
        if command is None:
            return None
        found = click.Context(command, info_name=word, parent=found)
    return found


def _listed(root: click.Context) -> str:
    formatter = root.make_formatter()
    with formatter.section("Topics"):
        topics = [(name, topic.about) for name, topic in TOPICS.items()]
        formatter.write_dl([*topics, ("examples [WORD]", "example command lines")])
    formatter.write_paragraph()
    formatter.write_text("p2p help TOPIC shows a topic, p2p help COMMAND the options of a command.")
    return formatter.getvalue()


def _written(root: click.Context, topic: Topic) -> str:
    if topic.text_file:
        return topic.text()
    formatter = root.make_formatter()
    for section in topic.sections():
        with formatter.section(section.title):
            formatter.write_dl(section.rows)
        if section.note:
            formatter.write_paragraph()
            formatter.write_text(section.note)
    return formatter.getvalue()


def _examples(root: click.Context, word: str = "") -> list[str]:
    """Return the examples that match the word. Raise UsageError if there are none."""
    found = matching(root.command, root.command_path, word)
    if not found:
        raise UsageError(
            f"no example has the word {word!r}", advice="p2p help examples shows all of them"
        )
    return found


def _show(text: str) -> None:
    """Print the text, in a pager if it does not fit on the terminal."""
    text = text.rstrip("\n")
    fits = text.count("\n") < shutil.get_terminal_size().lines - 1
    if fits or not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        echo(text)
    else:
        click.echo_via_pager(text)


def _unknown(root: click.Context, words: list[str]) -> UsageError:
    commands = subcommands(root.command)
    near = nearest(words[0], [*TOPICS, *commands])
    if words[1:] and words[0] in commands:
        near = f"{words[0]} {nearest(words[1], subcommands(commands[words[0]]))}".rstrip()
    return UsageError(
        f"there is no help on {' '.join(words)!r}",
        likely=near and f"did you mean {near}?",
        advice=f"p2p help {near}" if near else "p2p help lists commands and topics",
    )
