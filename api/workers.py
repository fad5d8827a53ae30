"""The worker processes, the bounded queue in front of them, and what happens when one ends.

Jobs and their answers are pickled: a job is a `functools.partial` of a function of a module.
"""

import asyncio
import logging
import pickle
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar

from fastapi import Request

from api.analyser import Analyser
from api.errors import CLIENT_GONE, NOT_READY, OVERLOADED, TIME_LIMIT, WORKER_LOST, Problem
from api.nursery import warm_up
from api.processes import ModelsNotLoaded, Nursery, ProcessEnded, WorkerProcess
from quotes.errors import QuotesError

Answer = TypeVar("Answer")

_LOADING = {"Retry-After": "5"}  # seconds; about what loading takes
_SOON = {"Retry-After": "1"}
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0  # seconds, between attempts to bring up a worker

_log = logging.getLogger(__name__)


class Workers:
    """So many workers, brought up in the background from the moment that this is made, and replaced when they end.

    Made inside the event loop that it works in.
    """

    def __init__(
        self,
        nursery: Nursery,
        count: int,
        queue: int,
        time_limit: float,
        count_found: Callable[[Mapping[str, int]], None],
    ) -> None:
        """`queue` requests wait at most, and none takes longer than `time_limit` seconds.

        `count_found` is told how many quotations of each stance each job has found.
        """
        self._nursery = nursery
        self._places = count + queue
        self._time_limit = time_limit
        self._count_found = count_found
        self._present = 0  # requests that wait or are worked on; the backlog is not counted
        self._waiting: deque[asyncio.Future[WorkerProcess]] = deque()
        self._backlog: deque[asyncio.Future[WorkerProcess]] = deque()
        self._alive: set[WorkerProcess] = set()
        self._idle: list[WorkerProcess] = []
        self.models: Mapping[str, str] = {}  # their versions, by name; empty before they are loaded
        self._once_ready = False
        self._failure: BaseException | None = None  # why the models could not be loaded
        self._hiring: set[asyncio.Task[None]] = set()
        for _ in range(count):
            self._hire()

    @property
    def waiting(self) -> int:
        """How many requests wait for a worker."""
        return len(self._waiting)

    @property
    def alive(self) -> int:
        """How many workers are ready or at work."""
        return len(self._alive)

    def require_ready(self) -> None:
        """Raise Problem (503) unless there is a worker that has analysed a sentence."""
        if self._alive:
            return
        if self._failure:
            why = f"the service's log says why ({type(self._failure).__name__})"
            raise Problem(NOT_READY, f"the models could not be loaded; {why}")
        raise Problem(NOT_READY, "the models are being loaded; try again in a few seconds", headers=_LOADING)

    async def run(self, job: Callable[[Analyser], Answer], backlog: bool = False) -> Answer:
        """What `job` answers when it is given the loaded models.

        A job of the `backlog` has time: it waits until no other job does, and until there are workers. For another,
        Problem (503) is raised at once when no worker has been ready yet and when the queue is full, and the time limit
        counts from now. Raises Problem (503) when the worker ends, Problem (504) when the job takes too long, and what
        `job` raises. When this is cancelled, the job is stopped.
        """
        if backlog:
            return await self._run(job, self._backlog, None)
        if not self._once_ready or self._failure:
            self.require_ready()
        if self._present >= self._places:
            detail = f"{self._present} requests are worked on or wait, which is as many as may; try again in a second"
            raise Problem(OVERLOADED, detail, headers=_SOON)
        self._present += 1
        try:
            return await self._run(job, self._waiting, self._time_limit)
        finally:
            self._present -= 1

    def close(self) -> None:
        """Stop what runs, and all processes."""
        for task in self._hiring:
            task.cancel()
        self._nursery.close()
        alive, self._alive = self._alive, set()
        for worker in alive:
            worker.kill()  # also those of a nursery before this one

    async def _run(
        self, job: Callable[[Analyser], Answer], line: deque[asyncio.Future[WorkerProcess]], patience: float | None
    ) -> Answer:
        pickled = pickle.dumps(job)
        worker = None
        try:
            async with asyncio.timeout(patience) as limit, self._turn(line) as worker:
                if patience is None:
                    limit.reschedule(asyncio.get_running_loop().time() + self._time_limit)
                answer = await worker.run(pickled)
        except TimeoutError:
            if worker is None:
                raise Problem(OVERLOADED, f"no worker was free for {patience:g} seconds", headers=_SOON) from None
            detail = f"the answer took longer than {self._time_limit:g} seconds; send less at once"
            raise Problem(TIME_LIMIT, detail) from None
        except ProcessEnded:
            _log.warning("worker %d ended while it worked", worker.process_id if worker else 0)
            detail = "the process that worked on it ended, and is replaced; send the request again"
            raise Problem(WORKER_LOST, detail, headers=_SOON) from None
        done, value, found = pickle.loads(answer)  # noqa: S301 - from a process of ours
        self._count_found(found)
        if not done:
            raise value
        result: Answer = value
        return result

    @asynccontextmanager
    async def _turn(self, line: deque[asyncio.Future[WorkerProcess]]) -> AsyncIterator[WorkerProcess]:
        """A worker for oneself, when it is one's turn in the line."""
        if self._idle:
            worker = self._idle.pop()
        else:
            turn: asyncio.Future[WorkerProcess] = asyncio.get_running_loop().create_future()
            line.append(turn)
            try:
                worker = await turn
            except asyncio.CancelledError:
                if turn.cancelled():
                    with suppress(ValueError):  # it may have been skipped already
                        line.remove(turn)
                else:
                    self._release(turn.result())
                raise
        try:
            yield worker
        finally:
            self._release(worker)

    def _release(self, worker: WorkerProcess) -> None:
        """Give the worker to the next who waits."""
        if worker.ended:
            return
        for line in (self._waiting, self._backlog):
            while line:
                turn = line.popleft()
                if not turn.done():
                    turn.set_result(worker)
                    return
        self._idle.append(worker)

    def _hire(self) -> None:
        task = asyncio.create_task(self._hired())
        self._hiring.add(task)
        task.add_done_callback(self._hiring.discard)

    async def _hired(self) -> None:
        """Bring up one worker, however often that takes."""
        pause = _FIRST_PAUSE
        while True:
            try:
                worker = await self._nursery.worker(self._ended)
                async with asyncio.timeout(self._time_limit):
                    _, self.models, _ = pickle.loads(await worker.run(pickle.dumps(warm_up)))  # noqa: S301
                break
            except ModelsNotLoaded as error:
                self._could_not_load(error.__cause__ or error)
                return
            except (ProcessEnded, TimeoutError):
                _log.warning("a process ended before it was ready; trying again in %g seconds", pause)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
        self._once_ready = True
        self._alive.add(worker)
        self._release(worker)

    def _ended(self, worker: WorkerProcess) -> None:
        if worker in self._alive:
            self._alive.remove(worker)
            with suppress(ValueError):
                self._idle.remove(worker)
            self._hire()

    def _could_not_load(self, error: BaseException) -> None:
        if self._failure is None:
            self._failure = error
            explained = isinstance(error, QuotesError)
            _log.error("the models could not be loaded: %s", error, exc_info=None if explained else error)


class WorkersForClient:
    """The workers, for one request: what they do for it stops when the client goes away."""

    def __init__(self, workers: Workers, request: Request) -> None:
        self._workers = workers
        self._request = request

    async def run(self, job: Callable[[Analyser], Answer]) -> Answer:
        """What `Workers.run` answers. Raises what it raises, and Problem, which nobody will read, for a client that has gone."""
        work = _task(self._workers.run(job))
        gone = _task(self._gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not work.done():
                raise Problem(CLIENT_GONE, "the client did not wait for the answer")
            return work.result()
        finally:
            work.cancel()
            gone.cancel()

    async def _gone(self) -> None:
        while (await self._request.receive())["type"] != "http.disconnect":
            pass


def _task(work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    return asyncio.ensure_future(work)


def workers_of(request: Request) -> WorkersForClient:
    """The service's workers, for routes that depend on them."""
    return WorkersForClient(request.app.state.workers, request)
