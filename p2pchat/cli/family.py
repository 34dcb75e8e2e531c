"""A group of commands that suggests the closest name for a misspelt one."""

import click

from p2pchat.errors import UsageError, nearest


class Family(click.Group):
    """A group of commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command with that name. Raise UsageError if there is none."""
        word = args[0]
        known = self.list_commands(ctx)
        if word in known or word.startswith("-") or ctx.resilient_parsing:
            return super().resolve_command(ctx, args)
        near = nearest(word, known)
        raise UsageError(
            f"there is no command {ctx.command_path} {word}",
            likely=near and f"did you mean {near}?",
            advice=" ".join(filter(None, (ctx.command_path, near, "--help"))),
        )
