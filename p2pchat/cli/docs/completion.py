"""`p2p completion`: print the shells' completion scripts, or install them."""

from pathlib import Path

import click
from click.shell_completion import get_completion_class

from p2pchat.app.settings import Settings
from p2pchat.errors import StorageError

SHELLS = ("bash", "zsh", "fish")


@click.command(
    help="""Print the completion script of SHELL.

    \b
    p2p completion bash --install
    p2p completion zsh > ~/.zfunc/_p2p
    """
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.option("--install", is_flag=True, help="Install it where the shell looks for it.")
@click.pass_context
def completion(ctx: click.Context, shell: str, install: bool) -> None:
    """Run `p2p completion`."""
    script = generate(ctx.find_root().command, shell)
    if not install:
        click.echo(script, nl=False)
        return
    settings: Settings = ctx.obj
    file = _place(settings, shell)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(script, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write {file}: {error.strerror}") from error
    click.echo(f"wrote {file}")
    if shell == "zsh":
        click.echo(f"add to ~/.zshrc, before compinit: fpath+=({file.parent})")
    click.echo("open a new shell to use it")


def generate(command: click.Command, shell: str) -> str:
    """Return the completion script for a shell of SHELLS."""
    complete_class = get_completion_class(shell)
    assert complete_class is not None
    script = complete_class(command, {}, "p2p", "_P2P_COMPLETE").source()
    return script.strip("\n") + "\n"


def _place(settings: Settings, shell: str) -> Path:
    data = settings.complete_home
    return {
        "bash": data / "bash-completion" / "completions" / "p2p",
        "zsh": data / "zsh" / "site-functions" / "_p2p",
        "fish": data / "fish" / "vendor_completions.d" / "p2p.fish",
    }[shell]
