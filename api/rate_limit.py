"""How many requests a client may send."""

import time
from math import ceil
from typing import NamedTuple

from limits import parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter


class Left(NamedTuple):
    """What a client has left of its quota, for how many seconds; `granted` is whether it had one for this request."""

    granted: bool
    requests: int
    seconds: int


class RateLimit:
    """A quota of requests for each client, in a window that begins with its first request.

    `fields` gives the header fields RateLimit-Policy and RateLimit of draft-ietf-httpapi-ratelimit-headers-11.
    """

    def __init__(self, rate: str) -> None:
        """`rate` is for example "600/minute"."""
        self._rate = parse(rate)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, client: str) -> Left:
        """Take one request from a client's quota, where there is one left."""
        granted = self._limiter.hit(self._rate, client)
        reset, requests = self._limiter.get_window_stats(self._rate, client)
        return Left(granted, requests, max(1, ceil(reset - time.time())))

    def fields(self, left: Left) -> dict[str, str]:
        """What the answer to a request says of the quota, and of what is left."""
        return {
            "RateLimit-Policy": f'"default";q={self._rate.amount};w={self._rate.get_expiry()}',
            "RateLimit": f'"default";r={left.requests};t={left.seconds}',
        }
