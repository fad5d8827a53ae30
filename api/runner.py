"""Analyses the articles of batches, in the order in which they came, whenever the workers have time.

What is done is in the database and nowhere else, and an article is done when its row says so: a service that is killed goes
on where it was, and does again only what it had not written down.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection
from structlog.contextvars import bound_contextvars

from api import articles, batches, errors
from api.articles import Storing
from api.batch_schemas import BatchArticle
from api.batches import Item
from api.database import Database
from api.errors import DATABASE_UNUSABLE, INTERNAL, WORKER_LOST, Problem, refusal
from api.jobs import Outcome
from api.workers import Workers
from quotes.errors import InputError

Answer = TypeVar("Answer")

ATTEMPTS = 3  # at an article whose worker ends: it may be the reason
PAUSE = 5.0  # seconds, while the database cannot be used
HOUR = 3600.0  # seconds; how often what has expired is looked for

_log = logging.getLogger(__name__)


class Runner:
    """Works while `running`. Made inside the event loop that it works in."""

    def __init__(
        self,
        database: Database,
        storing: Storing,
        workers: Workers,
        at_once: int,
        days: int,
        on_completed: Callable[[str], Awaitable[None]],
    ) -> None:
        """`at_once` articles are worked on at most; a batch is kept for `days` once it is completed.

        `on_completed` is told the id of each batch that is completed, and may be told again after a crash.
        """
        self._database = database
        self._storing = storing
        self._workers = workers
        self._at_once = at_once
        self._lifetime = days * 86_400 * 10**9  # nanoseconds
        self._on_completed = on_completed
        self._taking = asyncio.Lock()
        self._taken = 0  # the last item that was taken
        self._more = asyncio.Event()
        self._done = asyncio.Event()

    def wake(self) -> None:
        """There is a new batch."""
        self._more.set()
        self._done.set()  # perhaps none of its articles can be used

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work while the block runs. What is not done when it ends is done the next time."""
        tasks = [asyncio.create_task(self._work()) for _ in range(self._at_once)]
        tasks += [asyncio.create_task(self._announce()), asyncio.create_task(self._expire())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work(self) -> None:
        while True:
            try:
                item = await self._take()
                with bound_contextvars(request_id=item.request_id, batch=item.batch, position=item.position):
                    await self._do(item)
            except Exception:
                _log.exception("an article of a batch could not be done; it is tried again when the service restarts")
                await asyncio.sleep(PAUSE)

    async def _take(self) -> Item:
        """The next article that waits."""
        async with self._taking:
            while True:
                self._more.clear()
                item = await _patiently(lambda: self._database.read(partial(batches.next_waiting, self._taken)))
                if item is not None:
                    self._taken = item.id
                    return item
                await self._more.wait()

    async def _do(self, item: Item) -> None:
        """Analyse an article, and store what became of it."""
        try:
            asked = BatchArticle.model_validate_json(item.body)
            done = None
            while done is None:
                outcome = await self._analysed(item, asked)
                done = await self._written(partial(_store, item, asked, outcome))
        except InputError as error:
            await self._fail(item, refusal(error, f"#/articles/{item.position}/{asked.given}"))
        except Problem as problem:
            await self._fail(item, problem)
        except Exception:
            _log.exception("an unexpected error")
            await self._fail(item, Problem(INTERNAL, "an unexpected error; it has been logged"))
        self._done.set()

    async def _analysed(self, item: Item, asked: BatchArticle) -> Outcome:
        """What became of an article; tried again where a worker ends that may have had other reasons to."""
        run = partial(self._workers.run, backlog=True)
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await _patiently(lambda: self._storing.analyse(item.article, asked, run))
            except Problem as problem:
                if problem.kind is not WORKER_LOST or attempt == ATTEMPTS:
                    raise
        raise AssertionError

    async def _fail(self, item: Item, problem: Problem) -> None:
        told = errors.told(problem, f"/v1/batches/{item.batch}", item.request_id)
        await self._written(lambda connection: batches.finish(item, connection, problem=told))

    async def _written(self, job: Callable[[Connection], Answer]) -> Answer:
        return await _patiently(lambda: self._database.write(job))

    async def _announce(self) -> None:
        """Tell of each batch that is completed."""
        while True:
            self._done.clear()
            try:
                for batch in await _patiently(lambda: self._database.read(batches.unannounced)):
                    _log.info("batch completed", extra={"batch": batch})
                    await self._on_completed(batch)
                    await self._written(partial(batches.announced, batch))
            except Exception:
                _log.exception("the completion of a batch could not be told; the service will try again")
                await asyncio.sleep(PAUSE)
            else:
                await self._done.wait()

    async def _expire(self) -> None:
        """Forget batches when their time has come."""
        while True:
            try:
                await self._written(partial(batches.expire, time.time_ns() - self._lifetime))
            except Exception:
                _log.exception("batches that have expired could not be forgotten; the service will try again")
            await asyncio.sleep(HOUR)


def _store(item: Item, asked: BatchArticle, outcome: Outcome, connection: Connection) -> bool | None:
    """Store the analysis with the batch, and as a version of the article where it has an identifier.

    None where the outcome rests on a version that has been deleted meanwhile: then it has to be analysed after all.
    """
    analysis = outcome.analysis
    if analysis is None and item.article is not None:
        analysis = articles.find(item.article, outcome.version, connection)
    if analysis is None:
        return None
    stored = batches.is_stored(item, connection)
    if not batches.finish(item, connection, analysis=analysis):
        return False
    if stored and item.article is not None:
        articles.store(item.article, asked, item.received, outcome, connection)
    return True


async def _patiently(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """What `work` answers, tried again until the database can be used."""
    while True:
        try:
            return await work()
        except Problem as problem:
            if problem.kind is not DATABASE_UNUSABLE:
                raise
        await asyncio.sleep(PAUSE)
