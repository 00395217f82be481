"""What every thread of a worker was doing when it was ended from outside, or crashed: told in its log."""

from __future__ import annotations

import faulthandler
import os
import signal
from typing import Final

_STDERR: Final = 2
"""The descriptor: whatever the algorithm has put into sys.stderr."""


def tell_stacks() -> None:
    """Write the stack of every thread to standard error at SIGTERM and at a crash, which then end this process.

    By C code alone, so that it works while another library computes. Processes that are forked from this one, of
    pools, say, end in silence.
    """
    faulthandler.enable(_STDERR)
    faulthandler.register(signal.SIGTERM, _STDERR, all_threads=True, chain=True)
    os.register_at_fork(after_in_child=_be_silent)


def _be_silent() -> None:
    faulthandler.unregister(signal.SIGTERM)
    faulthandler.disable()
