"""Which network addresses are anybody's, and which are somebody's own network."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address that a gateway would connect to."""


def literal_address(host: str) -> Address | None:
    """The address that a host spells out, in any form that a resolver takes; None for a name.

    Besides the usual forms: ``2130706433``, ``0x7f.1``, ``0177.0.0.1`` and ``127.1`` are all 127.0.0.1.
    """
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):  # ValueError: a NUL, or characters outside ASCII
        return None


def is_public(address: Address) -> bool:
    """Whether the address is on the open Internet, seen through every way to wrap IPv4 in IPv6."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast and not address.is_reserved
    inner = _wrapped(address)
    if inner is not None:
        return is_public(inner)
    closed = address.is_multicast or address.is_reserved or address.is_site_local
    return address.is_global and not closed


def _wrapped(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else None)
