"""One attempt to deliver a message: signed, sent, judged by the status of the answer alone."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

import httpcore2
from standardwebhooks import Webhook

from api.webhooks.addresses import CheckedBackend, Reach, RefusedAddress, UnknownHost

TIMEOUT = 15  # seconds for all of it, from looking up the host to the head of the answer
CONNECT_TIMEOUT = 5  # seconds for each address of a host that has several


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an attempt: the status of the answer, or why there was none."""

    status: int | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        """Whether the receiver has it."""
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        """Whether the receiver wants no more."""
        return self.status == 410


class Sender:
    """Signs messages and sends them. httpcore follows no redirect, uses no proxy, and reads no body unasked."""

    def __init__(self, secret: str, reach: Reach, timeout: float = TIMEOUT) -> None:
        self._signer = Webhook(secret)
        self._reach = reach
        self._timeout = timeout

    async def send(self, url: str, message_id: str, body: str) -> Outcome:
        """Send `body` (JSON) to `url` once. Whatever may be wrong with the receiver is an outcome, not raised."""
        parts = urlsplit(url)
        now = datetime.now(UTC)
        headers: dict[bytes | str, bytes | str] = {
            "Host": parts.netloc,  # httpcore's own lacks the brackets of an IPv6 address
            "Content-Type": "application/json",
            "User-Agent": "quotes",
            "webhook-id": message_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(message_id, now, body),
        }
        backend = CheckedBackend(self._reach, encrypted=parts.scheme == "https")
        timeouts = {"timeout": {"connect": CONNECT_TIMEOUT}}
        try:
            async with (
                asyncio.timeout(self._timeout),
                httpcore2.AsyncConnectionPool(network_backend=backend) as pool,
                pool.stream("POST", url, headers=headers, content=body.encode(), extensions=timeouts) as response,
            ):
                return Outcome(status=response.status)
        except (RefusedAddress, UnknownHost) as error:
            return Outcome(error=str(error))
        except (TimeoutError, httpcore2.TimeoutException):
            return Outcome(error="no answer in time")
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return Outcome(error=f"no answer: {error}")
