"""The service under load, in processes of its own: what its clients see. Without the models, but for the last test."""

import asyncio
import os
import re
import signal
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest

from tests.benchmarks.throughput import articles_of
from tests.served import OBEDIENT, served
from tests.test_api import URL, assert_problem
from tests.test_workers import Held, gone

pytestmark = pytest.mark.anyio


class Client(httpx.AsyncClient):
    """A client of a service that runs."""

    def __init__(self, service):
        super().__init__(base_url=service.url, timeout=60)

    async def analyse(self, text):
        return await self.post(URL, json={"text": text})

    @asynccontextmanager
    async def analysing(self, text):
        """A request that is on its way while the block runs, and is given up after it; the block is given its task."""
        task = asyncio.create_task(self.analyse(text))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def figure(self, name, value):
        """Wait until the service's metric has a value."""
        with anyio.fail_after(30):
            while f"\n{name} {value}.0\n" not in (await self.get("/metrics")).text:
                await anyio.sleep(0.01)


async def refuses_connections(service):
    """Wait until it does."""
    with anyio.fail_after(30):
        while True:
            try:
                async with Client(service) as another:
                    await another.get("/livez")
            except httpx.ConnectError:
                return
            await anyio.sleep(0.01)


@pytest.fixture
def held(tmp_path):
    return Held(tmp_path)


@pytest.fixture
def service():
    with served(OBEDIENT, QUOTES_WORKERS="1", QUOTES_QUEUE="1") as service:
        service.wait_until_ready()
        yield service


async def test_a_full_queue_is_answered_at_once_and_who_leaves_frees_a_place(service, held):
    async with Client(service) as client, client.analysing(f"hold {held.path}") as runs:
        await held.began()
        async with client.analysing("waits"):
            await client.figure("quotes_queue_depth", 1)
            response = await client.analyse("is too many")
            assert_problem(response, 503, "overloaded")
            assert response.headers["retry-after"] == "1"
            assert (await client.get("/readyz")).status_code == 200
        await client.figure("quotes_queue_depth", 0)
        async with client.analysing("waits, too") as waits:
            await client.figure("quotes_queue_depth", 1)
            held.end()
            assert (await runs).status_code == (await waits).status_code == 200


async def test_who_leaves_while_the_analysis_runs_frees_the_worker(service, held):
    async with Client(service) as client:
        async with client.analysing(f"hold {held.path}"):
            worker = await held.began()
        await gone(worker)
        assert (await client.analyse("comes after")).status_code == 200


async def test_a_worker_that_ends_is_a_problem_for_its_request_alone(service):
    async with Client(service) as client:
        assert_problem(await client.analyse("die"), 503, "worker-lost")
        await client.figure("quotes_workers", 1)
        assert (await client.analyse("comes after")).status_code == 200


async def test_the_time_limit_is_a_setting(held):
    with served(OBEDIENT, QUOTES_WORKERS="1", QUOTES_TIME_LIMIT="0.5") as service:
        service.wait_until_ready()
        async with Client(service) as client:
            problem = assert_problem(await client.analyse(f"hold {held.path}"), 504, "time-limit")
            assert "0.5 seconds" in problem.detail
            await gone(await held.began())


async def test_a_service_that_is_told_to_stop_finishes_what_runs_and_what_waits(service, held):
    processes = service.processes()
    assert len(processes) == 3
    async with Client(service) as client, client.analysing(f"hold {held.path}") as runs:
        await held.began()
        async with client.analysing("waits") as waits:
            await client.figure("quotes_queue_depth", 1)
            for process in processes:  # as systemd does
                os.kill(process, signal.SIGTERM)
            await refuses_connections(service)
            assert not runs.done()
            held.end()
            assert (await runs).status_code == (await waits).status_code == 200
    assert await asyncio.to_thread(service.process.wait, 30) == -signal.SIGTERM  # uvicorn's way, when all is done
    for process in processes[1:]:
        await gone(process)


@pytest.mark.slow
async def test_real_workers_are_killed_under_load():
    articles = articles_of(100)
    with served(QUOTES_WORKERS="2", QUOTES_QUEUE="8") as service:
        service.wait_until_ready()
        _, nursery, *workers = service.processes()
        assert len(os.listdir(f"/proc/{nursery}/task")) == 1, "it is not safe to fork a process with threads"
        async with Client(service) as client:
            await client.figure("quotes_workers", 2)
            asked = [asyncio.create_task(client.analyse(articles[n % len(articles)])) for n in range(10)]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            for worker in workers:
                os.kill(worker, signal.SIGKILL)
            answers = await asyncio.gather(*asked)
            lost = [response for response in answers if response.status_code != 200]
            assert len(lost) <= 2
            for response in lost:
                assert_problem(response, 503, "worker-lost")
            await client.figure("quotes_workers", 2)
            assert set(service.processes()).isdisjoint(workers)
            again = await asyncio.gather(*map(client.analyse, articles))
            assert [response.status_code for response in again] == [200] * len(articles)
            assert re.search(r'"name":"[A-Z]', again[0].text)
