"""`p2p history`: show and search past messages."""

from typing import TYPE_CHECKING

import click

from p2pchat.app.settings import Settings
from p2pchat.cli import options
from p2pchat.cli.echo import echo
from p2pchat.cli.moments import Moment
from p2pchat.cli.profile.kept_output import line_options, print_lines
from p2pchat.errors import NoSuchUser, UsageError
from p2pchat.surrogates import without_surrogates

if TYPE_CHECKING:
    from p2pchat.peer.store.history import History


@click.command(
    help="""Show the messages with USER, or (with --search) with anyone.

    \b
    p2p history bob --limit 20
    p2p history --search "pizza friday"
    p2p history bob --json > bob.jsonl
    """
)
@click.argument("user", required=False, shell_complete=options.known_names)
@options.registry
@click.option(
    "--search",
    "words",
    type=without_surrogates,
    default="",
    metavar="WORDS",
    help="Show only lines with these words.",
)
@click.option("--since", type=Moment(), help="Show only lines since then: 2h, monday, 14:30.")
@click.option("--until", type=Moment(), help="Show only lines before then.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="Show only the last N lines.")
@line_options
@click.option("--delete", is_flag=True, help="Delete all lines with USER, for good.")
@click.pass_obj
def history(
    settings: Settings,
    user: str | None,
    registry: str | None,
    words: str,
    since: int | None,
    until: int | None,
    limit: int | None,
    as_json: bool,
    raw: bool,
    delete: bool,
) -> None:
    """Run `p2p history`."""
    from p2pchat.app.profile_home import open_profile_home

    if user is None and not words:
        raise UsageError("no contact was named", advice="p2p history NAME, or --search WORDS")
    with open_profile_home(settings, registry) as us:
        name = None if user is None else us.contact_named(user, None)
        kept = us.history
        me = us.profile.last_account(str(us.url)) or "me"
        if name not in {None, me, *us.known_names} and name and not kept.lines(name, limit=1):
            raise NoSuchUser(f"you have not met {name} at {us.url}", likely=us.meant(name))
        if delete:
            _delete(kept, name)
            return
        lines = kept.lines(name, since=since, until=until, limit=limit, words=words)
    print_lines(lines, me=me, as_json=as_json, raw=raw)
    if not lines:
        echo("nothing was found", err=True)


def _delete(kept: "History", name: str | None) -> None:
    from p2pchat.protocol.counting import counted

    if name is None:
        raise UsageError("--delete needs a contact", advice="p2p history NAME --delete")
    echo(f"{counted(kept.forget(name))} with {name} deleted")
