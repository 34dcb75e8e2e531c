"""The prompt's terminal, which may disappear, for example when its window is closed.

Output is then discarded without an error; the loss is noticed by the end of input or SIGHUP.
"""

import errno
import os
import sys

from prompt_toolkit.output import ColorDepth
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_bell_environment_variable, get_term_environment_variable


class Terminal(Vt100_Output):
    """A VT100 terminal that discards output once it is gone."""

    def flush(self) -> None:
        """Write pending output."""
        try:
            super().flush()
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            # Redirect Python's own buffer, too, or the interpreter would complain at exit.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.fileno())
            os.close(nowhere)


def our_terminal() -> Vt100_Output:
    """Return the terminal of stdout, as its environment describes it."""
    return Terminal.from_pty(
        sys.stdout,
        term=get_term_environment_variable(),
        default_color_depth=ColorDepth.from_env(),
        enable_bell=get_bell_environment_variable(),
    )
