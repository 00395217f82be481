"""Every connection of a server process to the supervisor's socket: taken, read, and forgotten when it closes."""

from __future__ import annotations

import logging
import selectors
from functools import partial
from typing import TYPE_CHECKING

from dragoman.jobs.engine.supervisor_client import Client
from dragoman.workers.descriptors import Shortage, scarce

if TYPE_CHECKING:
    import socket

    from dragoman.jobs.engine.request_handler import RequestHandler

LOGGER = logging.getLogger(__name__)


class Connections:
    """Hands what each of them asks to the handler."""

    def __init__(
        self, selector: selectors.BaseSelector, listener: socket.socket, handler: RequestHandler
    ) -> None:
        self._selector = selector
        self._listener = listener
        self._handler = handler
        self._clients: set[Client] = set()
        self._shortage = Shortage("no connection is taken")
        self._deaf = False
        """Whether nobody is listened to until there are descriptors: they wait in the socket's queue."""
        selector.register(listener, selectors.EVENT_READ, self._accept)

    def __len__(self) -> int:
        return len(self._clients)

    def listen(self, listener: socket.socket) -> None:
        """Take new connections from this socket, and no more from the one before; those that stand stay."""
        if not self._deaf:
            self._selector.unregister(self._listener)
        self._deaf = False
        self._listener.close()
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ, self._accept)

    def flush(self) -> None:
        """Send what earlier was too much for a socket."""
        for client in self._clients:
            if client.unsent:
                client.flush()

    def tick(self) -> None:
        """Listen again where there are descriptors again; to be called some 20 times a second."""
        if self._deaf and not scarce():
            self._shortage.end()
            self._deaf = False
            self._selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def _accept(self, _events: int) -> None:
        if scarce():
            self._wait_for_descriptors()
            return
        self._shortage.end()
        try:
            sock, _ = self._listener.accept()
        except OSError as error:  # the client has gone already: the others are served
            LOGGER.warning("a connection is lost: %s", error, extra={"action": "accept"})
            return
        client = Client(sock)
        self._clients.add(client)
        self._selector.register(sock, selectors.EVENT_READ, partial(self._read, client))

    def _wait_for_descriptors(self) -> None:
        """Whoever is connected is served; whoever comes waits, and does not keep this loop running in vain."""
        self._shortage.begin()
        self._deaf = True
        self._selector.unregister(self._listener)

    def _read(self, client: Client, _events: int) -> None:
        try:
            data = client.socket.recv(262_144)
            messages = client.reader.feed(data)
        except (OSError, ValueError):  # Disconnected is an OSError
            data, messages = b"", []
        if not data:
            self._selector.unregister(client.socket)
            client.socket.close()
            self._clients.discard(client)
            self._handler.forget(client)
        for message in messages:
            self._handler.handle(client, message)
