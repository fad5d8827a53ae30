"""Takes webhook URLs from callers, and delivers to them whatever the queue holds."""

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any, Self

from sqlalchemy import Row

from api.database import Database
from api.errors import WEBHOOK_REFUSED, WEBHOOKS_OFF, Problem
from api.webhooks.addresses import Reach, RefusedAddress, UnknownHost
from api.webhooks.queue import due, enqueue, note, seconds_to_next
from api.webhooks.sending import Outcome, Sender
from quotes.settings import Settings, networks_of

# Seconds from each failed attempt to the next; after the last the message is given up, about a day after the first.
DELAYS = (5, 30, 120, 600, 3600, 4 * 3600, 8 * 3600, 12 * 3600)
AT_ONCE = 10  # attempts
LOOK_UP = 3  # seconds that a caller who gives a URL waits for its host's addresses
PAUSE = 5  # seconds after a failure of the service's own

_log = logging.getLogger(__name__)


class Deliverer:
    """Without a secret to sign with it takes no URL and delivers nothing: what waits, waits on."""

    def __init__(self, database: Database, secret: str | None, reach: Reach, delays: Sequence[float] = DELAYS) -> None:
        self._database = database
        self._sender = None if secret is None else Sender(secret, reach)
        self._reach = reach
        self._delays = delays
        self._woken = asyncio.Event()

    @classmethod
    def by(cls, settings: Settings, database: Database) -> Self:
        """As the settings have it."""
        secret = None if settings.webhook_secret is None else settings.webhook_secret.get_secret_value()
        return cls(database, secret, Reach(networks_of(settings.webhook_networks or "")))

    async def require(self, url: str) -> None:
        """Raise Problem (409, 422) for a URL that cannot be delivered to. A host without an address may get one yet."""
        if self._sender is None:
            detail = "the service has no QUOTES_WEBHOOK_SECRET to sign webhooks with; have it set, or poll the batch"
            raise Problem(WEBHOOKS_OFF, detail, [("#/webhook_url", detail)])
        try:
            async with asyncio.timeout(LOOK_UP):
                await self._reach.check(url)
        except RefusedAddress as error:
            raise Problem(WEBHOOK_REFUSED, str(error), [("#/webhook_url", str(error))]) from error
        except (UnknownHost, TimeoutError):
            pass

    async def on_batch_completed(self, batch: str) -> None:
        """Have the end of a batch told to its webhook, if it has one; once, however often this is called."""
        await self._database.write(partial(enqueue, batch))
        self._woken.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver whatever is due while the block runs. An attempt that it ends in is made again the next time."""
        if self._sender is None:
            yield
            return
        task = asyncio.create_task(self._run(self._sender))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _run(self, sender: Sender) -> None:
        while True:
            self._woken.clear()
            try:
                messages = await self._database.read(partial(due, AT_ONCE))
                attempts = (self._attempt(sender, message) for message in messages)
                for failure in await asyncio.gather(*attempts, return_exceptions=True):
                    if failure is not None:
                        raise failure
                pause = 0.0 if messages else await self._database.read(seconds_to_next)
            except Exception:  # of the database, say; what is due stays due
                _log.exception("webhooks could not be delivered; the service will try again")
                pause = PAUSE
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):  # not wait_for, which may swallow a cancellation
                    await self._woken.wait()

    async def _attempt(self, sender: Sender, message: Row[Any]) -> None:
        try:
            outcome = await sender.send(message.url, message.id, message.body)
        except Exception:  # it counts as a try, or the message would be tried for ever
            _log.exception("a webhook could not be sent")
            outcome = Outcome(error="an unexpected error, which has been logged")
        _log.info("webhook", extra={"batch": message.batch, "attempt": message.attempts + 1, "status": outcome.status})
        await self._database.write(partial(note, message, outcome, self._delays))
