"""Worker processes: real ones, but without the models, which are not what is tested here."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

import anyio
import pytest

from api.errors import NOT_READY, OVERLOADED, TIME_LIMIT, WORKER_LOST, Problem
from api.processes import Nursery
from api.workers import Workers
from quotes.errors import ArtefactMissing
from tests import obedient
from tests.conftest import ROOT
from tests.obedient import Obedient, append, hold, process_id

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def workers(load=Obedient, count=1, queue=1, time_limit=60, ready=True):
    made = Workers(Nursery(load), count, queue, time_limit, count_found=lambda found: None)
    try:
        with anyio.fail_after(60):
            while ready and made.alive < count:
                await anyio.sleep(0.01)
        yield made
    finally:
        made.close()


@asynccontextmanager
async def asking(pool, job, **more):
    """A job that is on its way while the block runs; the block is given its task."""
    task = asyncio.create_task(pool.run(job, **more))
    await anyio.sleep(0)
    try:
        yield task
    finally:
        task.cancel()


class Held:
    """A job that a worker has begun and that ends when it is told to."""

    def __init__(self, folder, name="held"):
        self.path = folder / name
        self.job = partial(hold, str(self.path))

    async def began(self):
        """The id of the process that does it."""
        runs = self.path.with_suffix(".runs")
        with anyio.fail_after(30):
            while not (runs.exists() and runs.read_text()):
                await anyio.sleep(0.005)
        return int(runs.read_text())

    def end(self):
        self.path.with_suffix(".go").touch()


@pytest.fixture
def held(tmp_path):
    return Held(tmp_path)


async def refused(kind, work):
    with pytest.raises(Problem) as caught:
        await work
    assert caught.value.kind is kind
    return caught.value


async def gone(pid):
    """Wait until a process has ended."""
    with anyio.fail_after(30):
        with suppress(FileNotFoundError, ProcessLookupError):
            while "State:\tZ" not in Path(f"/proc/{pid}/status").read_text():
                await anyio.sleep(0.01)
    await anyio.sleep(0.1)  # for the event loop to hear of it


# --- doing jobs ---


async def test_each_worker_is_a_process_and_they_work_at_the_same_time(tmp_path):
    one, two = Held(tmp_path, "one"), Held(tmp_path, "two")
    async with workers(count=2) as pool, asking(pool, one.job) as first, asking(pool, two.job) as second:
        ids = [await one.began(), await two.began()]
        one.end()
        two.end()
        assert [await first, await second] == ids
        assert len({*ids, os.getpid()}) == 3


async def test_what_a_job_raises_is_raised():
    async with workers() as pool:
        before = await pool.run(process_id)
        with pytest.raises(ArtefactMissing, match="said so") as caught:
            await pool.run(obedient.fail)
        assert "fail" in [entry.name for entry in caught.traceback]
        with pytest.raises(Exception, match="one"):
            await pool.run(obedient.fail_pickily)
        with pytest.raises(Exception, match="pickle"):
            await pool.run(obedient.answer_a_function)
        assert await pool.run(process_id) == before


async def test_large_jobs_and_answers():
    text = "é" * 3_000_000
    async with workers() as pool:
        assert await pool.run(partial(obedient.echo, text)) == text


# --- the queue ---


async def test_a_full_queue_refuses_at_once(held):
    async with workers(queue=2) as pool, asking(pool, held.job) as runs:
        await held.began()
        async with asking(pool, process_id) as one, asking(pool, process_id) as two:
            assert pool.waiting == 2
            problem = await refused(OVERLOADED, pool.run(process_id))
            assert problem.headers["Retry-After"] == "1"
            held.end()
            assert await runs == await one == await two
        assert pool.waiting == 0
        assert await pool.run(process_id) == runs.result()


async def test_who_leaves_the_queue_frees_the_place_and_nothing_is_done(held, tmp_path):
    async with workers() as pool, asking(pool, held.job) as runs:
        await held.began()
        async with asking(pool, partial(append, tmp_path / "done", "a")) as leaving:
            await refused(OVERLOADED, pool.run(process_id))
            leaving.cancel()
            await asyncio.wait([leaving])
            async with asking(pool, partial(append, tmp_path / "done", "b")) as staying:
                held.end()
                await staying
                await runs
    assert (tmp_path / "done").read_text() == "b"


async def test_who_leaves_while_the_job_runs_frees_the_worker(held):
    async with workers() as pool, asking(pool, held.job) as leaving:
        before = await held.began()
        async with asking(pool, process_id) as waiting:
            leaving.cancel()
            with anyio.fail_after(30):
                assert await waiting != before
        await gone(before)


async def test_the_backlog_goes_last_and_takes_no_place(held, tmp_path):
    job = partial(append, tmp_path / "order")
    async with workers(queue=2) as pool, asking(pool, held.job, backlog=True) as first:
        await held.began()
        later = [asyncio.create_task(pool.run(partial(job, word), backlog=True)) for word in "567"]
        await anyio.sleep(0)
        soon = [asyncio.create_task(pool.run(partial(job, word))) for word in "123"]
        await anyio.sleep(0)
        await refused(OVERLOADED, pool.run(process_id))
        held.end()
        await asyncio.gather(first, *soon, *later)
    assert (tmp_path / "order").read_text() == "123567"


# --- what goes wrong ---


@pytest.mark.parametrize("backlog", [False, True])
async def test_a_job_that_takes_too_long_is_ended_and_the_others_go_on(tmp_path, backlog):
    slow, fine = Held(tmp_path, "slow"), Held(tmp_path, "fine")
    async with workers(count=2) as pool, asking(pool, fine.job) as unharmed:
        other = await fine.began()
        pool._time_limit = 0.2
        await refused(TIME_LIMIT, pool.run(slow.job, backlog))
        hung = await slow.began()
        await gone(hung)
        fine.end()
        assert await unharmed == other
        pool._time_limit = 60
        assert await pool.run(process_id) != hung


async def test_the_time_limit_counts_the_wait_but_not_the_backlogs(held):
    async with workers() as pool, asking(pool, held.job) as runs:
        await held.began()
        pool._time_limit = 0.2
        async with asking(pool, process_id, backlog=True) as patient:
            await refused(OVERLOADED, pool.run(process_id))
            held.end()
            assert await patient == await runs


@pytest.mark.parametrize("worker_is", ["working", "idle"])
async def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(tmp_path, worker_is):
    fine, lost = Held(tmp_path, "fine"), Held(tmp_path, "lost")
    async with workers(count=2) as pool, asking(pool, fine.job) as unharmed:
        await fine.began()
        if worker_is == "idle":
            victim = await pool.run(process_id)
            os.kill(victim, signal.SIGKILL)
        else:
            async with asking(pool, lost.job) as unlucky:
                victim = await lost.began()
                os.kill(victim, signal.SIGKILL)
                problem = await refused(WORKER_LOST, unlucky)
                assert problem.headers["Retry-After"]
        await gone(victim)
        with anyio.fail_after(30):
            assert await pool.run(process_id) != victim
        fine.end()
        assert await unharmed


async def test_workers_outlive_the_process_that_forked_them(held):
    """That one is loaded anew when the next worker is needed."""
    async with workers() as pool, asking(pool, held.job) as unharmed:
        before = await held.began()
        nursery = pool._nursery._process.pid
        os.kill(nursery, signal.SIGKILL)
        await gone(nursery)
        held.end()
        assert await unharmed == before == await pool.run(process_id)
        os.kill(before, signal.SIGKILL)
        await gone(before)
        with anyio.fail_after(60):
            assert await pool.run(process_id) != before


async def test_loading_is_tried_again_when_the_process_ends(tmp_path, caplog):
    async with workers(partial(obedient.load_the_second_time, tmp_path / "tried")) as pool:
        assert await pool.run(process_id)
    assert "ended before it was ready" in caplog.text


async def test_models_that_cannot_be_loaded_are_told(caplog):
    async with workers(obedient.never_load, count=2, ready=False) as pool:
        with anyio.fail_after(30):
            while "loaded; the" not in (problem := await refused(NOT_READY, pool.run(process_id))).detail:
                await anyio.sleep(0.01)
        assert "secret" not in problem.detail
        assert "ArtefactMissing" in problem.detail
        with pytest.raises(Problem):
            pool.require_ready()
    assert caplog.text.count("no models in /secret/place") == 1


async def test_the_backlog_waits_for_workers():
    async with workers(ready=False) as pool:
        await refused(NOT_READY, pool.run(process_id))
        with anyio.fail_after(60):
            assert await pool.run(process_id, backlog=True)


# --- the end ---


async def test_nothing_is_left_of_workers_that_are_closed(held):
    async with workers(count=2) as pool, asking(pool, held.job):
        ids = [pool._nursery._process.pid, *(worker.process_id for worker in pool._alive)]
        await held.began()
    for pid in ids:
        await gone(pid)


def test_nothing_is_left_when_the_service_is_killed(tmp_path):
    code = (
        "import asyncio\n"
        "from functools import partial\n"
        "from tests.test_workers import Held, Obedient, asking, workers\n"
        "async def main():\n"
        "    async with workers(count=2) as pool, asking(pool, Held(Path(sys.argv[1])).job):\n"
        "        print(pool._nursery._process.pid, *(worker.process_id for worker in pool._alive), flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "import sys; from pathlib import Path; asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as service:
        ids = service.stdout.readline().split()
        assert len(ids) == 3
        while not (tmp_path / "held.runs").exists():
            time.sleep(0.01)
        service.kill()
    for pid in ids:
        asyncio.run(gone(int(pid)))
