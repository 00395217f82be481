"""One provider for all tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dragoman.devidp.realm import Client, Realm
from dragoman.devidp.serving import DevIdp, dev_idp

if TYPE_CHECKING:
    from collections.abc import Iterator

CLIENTS = (*Realm().clients, Client(id="a client"))


@pytest.fixture(scope="package")
def idp() -> Iterator[DevIdp]:
    with dev_idp(Realm(audiences=("dragoman", "/root/VO/VRE"), clients=CLIENTS)) as provider:
        yield provider
