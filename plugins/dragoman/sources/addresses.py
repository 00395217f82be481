"""Which network addresses are anybody's, and which are somebody's own network."""

from __future__ import annotations

import ipaddress
import socket
from typing import Final

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address

SPECIAL_IPV4: Final = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",
        "100.64.0.0/10",  # shared by a carrier's customers
        "127.0.0.0/8",
        "169.254.0.0/16",  # link local; clouds tell secrets there
        "172.16.0.0/12",
        "192.0.0.0/24",  # IETF protocols, DS-Lite and anycast included
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT relays
        "192.88.99.0/24",  # 6to4 relays, deprecated
        "192.168.0.0/16",
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, the broadcast address included
    )
)
"""IANA's IPv4 Special-Purpose Address Registry, and multicast.

Python's ``is_global`` follows the registry as it was when that Python was built. What the registry calls globally
reachable is closed here too: relays and sinks, no host of data.
"""

UNICAST_IPV6: Final = ipaddress.IPv6Network("2000::/3")
"""All that IANA has given out as global unicast; every other block is special or nobody's."""

SPECIAL_IPV6: Final = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "::/128",
        "::1/128",
        "::/96",  # IPv4-compatible, deprecated
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b:1::/48",  # a network's own NAT64
        "100::/64",  # discarded
        "100:0:0:1::/64",  # dummy
        "2001::/23",  # IETF protocols: benchmarks, ORCHID, AMT, AS112, DRIP
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local
        "fe80::/10",  # link local
        "fec0::/10",  # site local, deprecated
        "ff00::/8",  # multicast
    )
)
"""IANA's IPv6 Special-Purpose Address Registry, and multicast, without the blocks that embed IPv4 (see below)."""

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
        special = any(address in block for block in SPECIAL_IPV4)
        return address.is_global and not address.is_multicast and not special
    embedded = _embedded(address)
    if embedded:
        return all(map(is_public, embedded))
    special = any(address in block for block in SPECIAL_IPV6)
    return address in UNICAST_IPV6 and address.is_global and not address.is_multicast and not special


def _embedded(address: ipaddress.IPv6Address) -> tuple[ipaddress.IPv4Address, ...]:
    """The IPv4 addresses that a packet to this one would reach: mapped, NAT64, 6to4, Teredo's server and client."""
    if address in NAT64:
        return (ipaddress.IPv4Address(int(address) & 0xFFFFFFFF),)
    inner = address.ipv4_mapped or address.sixtofour
    return (inner,) if inner is not None else address.teredo or ()
