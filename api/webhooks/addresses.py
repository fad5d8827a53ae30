"""Which addresses a webhook may call: public ones over HTTPS, and whatever is in the networks that the installation lists.

Otherwise anyone who may send a batch could make the service knock at doors behind the newsroom's firewall. A host is
resolved once for every attempt, all its addresses are checked, and the connection goes to one that was checked: a name
that changes its address in between (DNS rebinding) gains nothing.
"""

import asyncio
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import httpcore2

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_IPV6_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: how a network with IPv6 only names an IPv4 address

_PLAIN = "would be called over plain HTTP, which is for the networks in QUOTES_WEBHOOK_NETWORKS alone; use https"


class RefusedAddress(Exception):
    """The URL leads to an address that may not be called; the message says why."""


class UnknownHost(Exception):
    """The host has no address at the moment."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What may be called: `networks` besides the public addresses, and those over plain HTTP too."""

    networks: tuple[Network, ...] = ()

    async def check(self, url: str) -> None:
        """Raises RefusedAddress for a URL that may not be called, and UnknownHost."""
        parts = urlsplit(url)
        await self.addresses(parts.hostname or "", parts.port or 0, encrypted=parts.scheme == "https")

    async def addresses(self, host: str, port: int, *, encrypted: bool) -> list[Address]:
        """The addresses of `host`, all of which may be called. Raises RefusedAddress and UnknownHost."""
        if not (encrypted or self.networks):
            raise RefusedAddress(f"{host} {_PLAIN}")
        found = await _resolve(host, port)
        for address in found:
            if not self._allows(address, encrypted):
                raise RefusedAddress(f"{host} {self._why_not(address)}")
        return found

    def _allows(self, address: Address, encrypted: bool) -> bool:
        meant = _meant(address)
        listed = any(meant in network or address in network for network in self.networks)
        return listed or (encrypted and _is_public(meant))

    def _why_not(self, address: Address) -> str:
        # The address itself is not told: names of the inner network are nobody's business.
        if _is_public(_meant(address)):
            return _PLAIN
        return "is not at a public address; the service calls others only where QUOTES_WEBHOOK_NETWORKS lists them"


class CheckedBackend(httpcore2.AnyIOBackend):
    """Opens connections for httpcore to nothing but addresses within reach."""

    def __init__(self, reach: Reach, *, encrypted: bool) -> None:
        super().__init__()
        self._reach = reach
        self._encrypted = encrypted

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Connect to the first address of `host` that answers. Raises RefusedAddress, UnknownHost, httpcore's errors."""
        *others, last = await self._reach.addresses(host, port, encrypted=self._encrypted)
        for address in others:
            try:
                return await super().connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await super().connect_tcp(str(last), port, timeout, local_address, socket_options)


async def _resolve(host: str, port: int) -> list[Address]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise UnknownHost(f"{host} has no address that can be found") from error
    return list(dict.fromkeys(ip_address(place[0]) for *_, place in found))


def _meant(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour or address


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _IPV6_GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast
