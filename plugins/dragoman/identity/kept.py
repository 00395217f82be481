"""What is known of tokens for a while: bounded in number and in time, and without the tokens themselves."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import OrderedDict
from typing import Final

MOST: Final = 10_000
"""Tokens that are remembered; of more, the one that was used longest ago is forgotten."""


class Kept[Value]:
    """A value for each token, by the token's hash."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._values: OrderedDict[bytes, tuple[Value, float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, token: str) -> Value | None:
        """The value, if there is one that may still be used."""
        key = _key(token)
        with self._lock:
            entry = self._values.get(key)
            if entry is None:
                return None
            value, monotonic, moment = entry
            if time.monotonic() >= monotonic or time.time() >= moment:
                del self._values[key]
                return None
            self._values.move_to_end(key)
            return value

    def put(self, token: str, value: Value, *, until: float, moment: float = float("inf")) -> None:
        """Keep the value until the monotonic clock says ``until``, or the clock on the wall says ``moment``."""
        key = _key(token)
        with self._lock:
            self._values[key] = value, until, moment
            self._values.move_to_end(key)
            while len(self._values) > self._most:
                self._values.popitem(last=False)

    def __len__(self) -> int:
        return len(self._values)


def _key(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", errors="replace")).digest()
