"""The terminal that the prompt is drawn on, which may go away: its window is closed, say.

What is written from then on goes nowhere, and ends nothing that was being done; that the terminal
is gone shows as the end of input, or as SIGHUP.
"""

import errno
import os
import sys

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_bell_environment_variable, get_term_environment_variable


class Terminal(Vt100_Output):
    """A terminal like others, until it is gone."""

    def flush(self) -> None:
        """Write what waits."""
        try:
            super().flush()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # What Python still keeps must have a place too, or it would complain at its end.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def our_terminal() -> Vt100_Output:
    """Return the one that stdout is, as its environment describes it."""
    return Terminal.from_pty(
        sys.stdout,
        term=get_term_environment_variable(),
        default_color_depth=ColorDepth.from_env(),
        enable_bell=get_bell_environment_variable(),
    )
