"""The fetching process: a thread for each file that the supervisor has it fetch, under a low priority."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from dragoman.errors import DragomanError
from dragoman.sources.fetching.messages import Begin, Drop, Dropped, Failed, Whole, dump, load
from dragoman.sources.fetching.stopping import Stop, Stopped
from dragoman.sources.fetching.transfer import Transfer
from dragoman.workers import child
from dragoman.workers.framing import Channel, Disconnected

if TYPE_CHECKING:
    import socket

    from dragoman.sources.fetching.messages import Report
    from dragoman.sources.fetching.settings import FetchPoolSettings

LOGGER = logging.getLogger(__name__)

NICENESS: Final = 10
LONGEST_REASON: Final = 500
"""Characters; a host's name may have thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetcherSetup:
    """What the process is told when it is born."""

    settings: FetchPoolSettings
    mark: str
    """Tells this supervisor's offspring from another's."""


def main(sock: socket.socket, setup: FetcherSetup) -> None:
    """What the process runs."""
    child.settle(mark=setup.mark)
    child.end_with_supervisor(sock)
    os.nice(NICENESS)
    with suppress(Disconnected):
        Fetcher(Channel(sock), setup.settings).serve()
    os._exit(0)


class Fetcher:
    """Orders come in the main thread, reports go from the threads that fetch."""

    def __init__(self, channel: Channel, settings: FetchPoolSettings) -> None:
        self._channel = channel
        self._settings = settings
        self._sending = threading.Lock()
        self._stops: dict[int, Stop] = {}
        """By ticket; of a file that is over there may be one until it is dropped."""

    def serve(self) -> None:
        """Follow orders until the supervisor hangs up, which raises Disconnected."""
        while True:
            match load(self._channel.receive()):
                case Begin() as order:
                    stop = self._stops[order.ticket] = Stop()
                    name = f"fetch-{order.ticket}"
                    threading.Thread(target=self._run, args=(order, stop), name=name, daemon=True).start()
                case Drop(ticket=ticket):
                    if (wanted := self._stops.get(ticket)) is not None:
                        wanted.stop()

    def _run(self, order: Begin, stop: Stop) -> None:
        report = self._fetched(order, stop)
        self._stops.pop(order.ticket, None)
        with suppress(Disconnected), self._sending:
            self._channel.send(dump(report))

    def _fetched(self, order: Begin, stop: Stop) -> Report:
        """What came of it; a fault of ours is logged, and told in general words."""
        try:
            file = Transfer(order.url, Path(order.target), self._settings, stop).run()
        except Stopped:
            return Dropped(ticket=order.ticket)
        except DragomanError as error:
            return Failed(ticket=order.ticket, reason=_reason(order.url, error.detail))
        except Exception:  # who waits is told of whatever went wrong
            if stop.given:  # its folder may be gone
                return Dropped(ticket=order.ticket)
            LOGGER.exception("a file cannot be fetched or stored", extra={"action": "fetch"})
            return Failed(
                ticket=order.ticket, reason=_reason(order.url, "this server could not store the file")
            )
        media_type = None if file.note is None else file.note.media_type
        return Whole(ticket=order.ticket, size=file.size, media_type=media_type, sha256=file.sha256)


def _reason(url: str, detail: str) -> str:
    """The host, unless it is said already, and what is wrong."""
    host = ""
    with suppress(ValueError):
        host = urlsplit(url).hostname or ""
    words = detail if not host or host in detail else f"{host}: {detail}"
    return words if len(words) <= LONGEST_REASON else words[: LONGEST_REASON - 1] + "…"
