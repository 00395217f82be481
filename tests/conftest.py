"""For the whole suite: nothing in it may depend on how fast the machine is, or on how the suite was started."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS, HypothesisProvider
from hypothesis.internal.constants_ast import Constants


class WithoutOurConstants(HypothesisProvider):
    """Draws no constants from the modules that are loaded: which they are depends on the tests that ran before."""

    _local_constants = Constants()


# No example has a deadline, and every run tries the same ones; --hypothesis-profile=default looks for others.
settings.register_profile(
    "same-everywhere", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("same-everywhere")
AVAILABLE_PROVIDERS["hypothesis"] = WithoutOurConstants

# Started in the background, a shell has its children ignore Ctrl-C, and so would the servers that are tested.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
