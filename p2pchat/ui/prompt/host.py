"""Runs our loop inside prompt_toolkit's asyncio loop: one thread, no polling.

Our selector's descriptor is a reader of the asyncio loop, our next deadline one of its timers.
asyncio would swallow an exception of our callbacks and leave the prompt hanging, so it is caught,
ends the prompt, and is raised from `run`. The only module that uses asyncio.
"""

import asyncio
from functools import partial

from p2pchat.net.loop import Loop
from p2pchat.ui.prompt.command_run import CommandRun
from p2pchat.ui.prompt.prompt import Prompt
from p2pchat.ui.screen.typed_ahead import TakesInput


def run(loop: Loop, app: TakesInput, prompt: Prompt) -> None:
    """Run prompt and loop until the app is done or input ends; Ctrl-C raises KeyboardInterrupt."""
    with loop.running():
        asyncio.run(_Host(loop, app, prompt).main())


class _Host:
    def __init__(self, loop: Loop, app: TakesInput, prompt: Prompt) -> None:
        self._loop = loop
        self._app = app
        self._prompt = prompt
        self._failure: BaseException | None = None
        self._due: asyncio.TimerHandle | None = None
        self._command: CommandRun | None = None

    async def main(self) -> None:
        self._asyncio = asyncio.get_running_loop()
        self._asyncio.add_reader(self._loop.fileno(), self._turn)
        try:
            self._prompt.on_line = self._entered
            self._prompt.on_run = self._run
            self._turn()
            if not self._over:
                await self._prompt.session.prompt_async()
        except EOFError:
            self._app.finish()
        finally:
            self._asyncio.remove_reader(self._loop.fileno())
            self._prompt.put_away()
            if self._command is not None:
                self._command.stop()
            if self._due is not None:
                self._due.cancel()
        if self._failure is not None:
            raise self._failure

    @property
    def _over(self) -> bool:
        return self._app.done or self._failure is not None

    def _entered(self, line: str) -> None:
        if not self._over:
            self._loop.call_soon(partial(self._app.submit, line))  # which contains bugs
            self._turn()

    def _run(self, command: str) -> None:
        """Run the user's command and put its output into the line."""

        def ended(block: str) -> None:
            self._command = None
            self._prompt.has_run(block)

        self._command = CommandRun(self._loop, command, ended)
        self._prompt.on_stop_running = self._command.stop
        self._turn()

    def _turn(self) -> None:
        """Run one turn of our loop, schedule the next, and update the screen."""
        try:
            self._loop.run_once(0)
        except BaseException as error:  # noqa: BLE001  # raised from `run`, once the prompt has ended
            self._failure = error
        if self._due is not None:
            self._due.cancel()
        deadline = self._loop.next_deadline()
        if deadline is not None and self._failure is None:
            self._due = self._asyncio.call_later(max(0.0, deadline - self._loop.now()), self._turn)
        application = self._prompt.session.app
        if not application.is_running:
            return
        if not self._over:
            application.invalidate()
        elif application.future is not None and not application.future.done():
            application.exit()
