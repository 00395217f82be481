"""Whether a process that runs one task after another is worn out: what its tasks have kept would harm the next one."""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import resource
from contextlib import suppress
from typing import Final

MEMORY: Final = 1024**3
"""Bytes of resident memory that a process may have beyond what it had when it was ready."""
DESCRIPTORS: Final = 1000
"""Open files that it may have beyond those it had then; fewer, if half of what was left then is fewer."""

LACK: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN)
"""Of an OSError: no more files, memory, or processes."""
WORDS: Final = (os.strerror(errno.EMFILE), os.strerror(errno.ENOMEM), "can't start new thread")
"""What libraries say that have errors of their own, GDAL for one."""
DEPTH: Final = 20
"""Causes of an error that are looked at."""


class Wear:
    """Made when the process is ready for its first task."""

    def __init__(self) -> None:
        held = _descriptors()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        left = DESCRIPTORS if soft == resource.RLIM_INFINITY else max(0, soft - held) // 2
        self._most_descriptors = held + min(DESCRIPTORS, left)
        self._most_memory = _resident() + MEMORY

    def worn(self) -> bool:
        """Whether it has kept too many files or too much memory; to be asked between two tasks."""
        try:
            if _descriptors() > self._most_descriptors:
                return True
            if _resident() <= self._most_memory:
                return False
            give_back()
            return _resident() > self._most_memory
        except OSError:  # it cannot even look
            return True


def is_lack(error: BaseException) -> bool:
    """Whether an error says, or was caused by one that says, that the process lacks files, memory or threads."""
    current: BaseException | None = error
    for _ in range(DEPTH):
        if current is None:
            break
        if isinstance(current, MemoryError) or (isinstance(current, OSError) and current.errno in LACK):
            return True
        if any(words in str(current) for words in WORDS):
            return True
        current = current.__cause__ or current.__context__
    return False


def _descriptors() -> int:
    """How many files the process has open; 0 where the system does not tell."""
    try:
        return os.stat("/proc/self/fd").st_size or len(
            os.listdir("/proc/self/fd")
        )  # its size since Linux 6.2
    except FileNotFoundError:
        return 0


def _resident() -> int:
    """Bytes of memory that are the process's own now, without what is shared; 0 where the system does not tell."""
    try:
        with open("/proc/self/statm", "rb", buffering=0) as file:
            _, resident, shared, *_ = file.read(256).split()
    except FileNotFoundError:
        return 0
    return (int(resident) - int(shared)) * resource.getpagesize()


def give_back() -> None:
    """Return to the system what Python and the C library hold in reserve."""
    gc.collect()
    trim()


def trim() -> None:
    """Return to the system what the C library holds in reserve."""
    with suppress(OSError, AttributeError):  # only glibc has this
        ctypes.CDLL(None).malloc_trim(0)
