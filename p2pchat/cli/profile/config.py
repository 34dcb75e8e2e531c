"""`p2p config`: show the settings in effect and their sources, and change them."""

import json

import click

from p2pchat import paths
from p2pchat.app.settings import Settings, make_folder
from p2pchat.app.streams import read_text
from p2pchat.cli.echo import echo, echo_path
from p2pchat.errors import UsageError


@click.group(
    help="""Show and change your settings.

    \b
    p2p config list --origin
    p2p config edit
    """
)
def config() -> None:
    """Run `p2p config`."""


@config.command("list", help="List every setting with its value (options override it).")
@click.option("--origin", is_flag=True, help="Show where each value comes from.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per setting.")
@click.pass_obj
def list_(settings: Settings, origin: bool, as_json: bool) -> None:
    """Run `p2p config list`."""
    from p2pchat.app.config_file import shown

    resolved = {**settings.resolved, "registry": settings.registry_and_origin}
    for name, (value, where) in resolved.items():
        if as_json:
            echo(json.dumps({"name": name, "value": value, "origin": where}))
        else:
            line = f"{name} = {'none' if value is None else shown(value)}"
            echo(f"{line:<44}  # {where}" if origin else line)


@config.command(help="Print the path of the configuration file.")
@click.pass_obj
def path(settings: Settings) -> None:
    """Run `p2p config path`."""
    echo_path(paths.shown(settings.config_file))


@config.command(help="Edit the file in your editor; invalid settings are not saved.")
@click.pass_obj
def edit(settings: Settings) -> None:
    """Run `p2p config edit`."""
    from p2pchat.app.config_file import (
        configuration_of,
        profiles_of,
        replace_configuration,
        write_first,
    )

    file = settings.config_file
    make_folder(file.parent)
    write_first(file)
    text: str | None = read_text(file)
    while True:
        text = click.edit(text, extension=".toml", require_save=True)
        if text is None:
            echo("nothing has changed", err=True)
            return
        try:
            for profile in (None, *profiles_of(text)):
                configuration_of(text, file, profile)
        except UsageError as error:
            echo(error.what, err=True)
            click.confirm(
                "Edit again? (otherwise nothing changes)", default=True, abort=True, err=True
            )
        else:
            replace_configuration(file, text)
            return
