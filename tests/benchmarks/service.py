"""How fast the service answers, and what it does with too much: `python -m tests.benchmarks.service` (make bench-service).

It starts `quotes serve` with the settings of the environment, warms it, and sends articles of 600 words from this process,
on the same machine. First some clients that each send the next article when they have the answer to the last; the queue
is made long enough for all of them. Then, with the queue as it is by default, articles at four times the highest rate that
was answered, whatever the answers. A busy machine makes every figure worse: the load is shown.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from quotes.settings import Settings
from tests.benchmarks.throughput import articles_of
from tests.served import Served, served

URL = "/v1/analyses"
CLIENTS = (1, 4, 16)
OVERLOAD = 4  # times the rate that can be sustained
WARMING = 20  # seconds; a worker's memory grows for its first hundred articles, and then no more


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Row:
    """Percentiles of the seconds that an article takes, and articles a second."""

    p50: float
    p95: float
    p99: float
    rate: float


@asynccontextmanager
async def client_of(service: Served) -> AsyncIterator[httpx.AsyncClient]:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(base_url=service.url, timeout=120, limits=limits) as client:
        yield client


async def ask(client: httpx.AsyncClient, article: str) -> Answer:
    started = time.perf_counter()
    response = await client.post(URL, json={"text": article})
    return Answer(response.status_code, time.perf_counter() - started)


async def closed_loop(service: Served, articles: Sequence[str], clients: int, seconds: float) -> list[Answer]:
    """The answers to so many clients, each of which waits for one before it asks again."""
    end = time.perf_counter() + seconds
    answers: list[Answer] = []

    async def go(first: int) -> None:
        turn = first
        while time.perf_counter() < end:
            answers.append(await ask(client, articles[turn % len(articles)]))
            turn += 1

    async with client_of(service) as client:
        await asyncio.gather(*map(go, range(clients)))
    return answers


async def open_loop(
    service: Served, articles: Sequence[str], rate: float, seconds: float
) -> tuple[list[Answer], list[float]]:
    """The answers to requests that are sent at a rate, come what may; and the memory that was used meanwhile, in MB."""
    asked: list[asyncio.Task[Answer]] = []
    memory: list[float] = []
    async with client_of(service) as client:
        started = time.perf_counter()
        for turn in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, started + turn / rate - time.perf_counter()))
            asked.append(asyncio.create_task(ask(client, articles[turn % len(articles)])))
            if turn % max(1, int(rate * 5)) == 0:
                memory.append(memory_together(service))
        answers = await asyncio.gather(*asked)
    memory.append(memory_together(service))
    return answers, memory


def memory_together(service: Served) -> float:
    """The proportional set sizes of all processes in MB: memory that several share is counted once."""
    return sum(memory_of(process)["Pss"] for process in service.processes())


def memory_of(process: int) -> dict[str, float]:
    """A process's memory in MB: Rss; Pss, where what several share counts for each by its share; Private, of it alone."""
    with open(f"/proc/{process}/smaps_rollup") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    sizes = {name.rstrip(":"): int(kilobytes) / 1024 for name, kilobytes, *_ in rows}
    return {"Rss": sizes["Rss"], "Pss": sizes["Pss"], "Private": sizes["Private_Clean"] + sizes["Private_Dirty"]}


def computed_by(process: int) -> float:
    """The seconds that a process has computed so far."""
    with open(f"/proc/{process}/stat") as file:
        user, system = file.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def centiles(answers: Sequence[Answer]) -> tuple[float, float, float]:
    """The 50th, 95th and 99th percentile of the seconds."""
    cuts = statistics.quantiles([answer.seconds for answer in answers], n=100, method="inclusive")
    return cuts[49], cuts[94], cuts[98]


def compare(url: str, seconds: float) -> None:
    """Print the medians of an article's seconds over HTTP and without, from text to JSON in this process, in turns."""
    from quotes.exports import to_dict
    from quotes.pipeline import analyse
    from quotes.reading import from_text

    over, without = [], []
    with httpx.Client(base_url=url, timeout=120) as client:
        for article in articles_of(600):
            analyse(from_text(article))
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for article in articles_of(600):
                started = time.perf_counter()
                client.post(URL, json={"text": article}).raise_for_status()
                between = time.perf_counter()
                json.dumps(to_dict(analyse(from_text(article))))
                over.append(between - started)
                without.append(time.perf_counter() - between)
    print(statistics.median(over), statistics.median(without))


def show_share_of_http(service: Served, seconds: float) -> None:
    command = [sys.executable, "-m", "tests.benchmarks.service", "--compare", service.url, "--seconds", str(seconds)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    printed = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    over, without = map(float, printed.split())
    share = (over - without) / over
    print(f"\nin turns, p50: {over:.3f} s over HTTP, {without:.3f} s in process: {share:.1%} is HTTP   {load()}")


def load() -> str:
    return f"load {os.getloadavg()[0]:.1f}"


def unloaded(articles: Sequence[str], seconds: float, workers: int) -> dict[int, Row]:
    """Measure clients that wait for their answers, by how many there are."""
    rows = {}
    with served(QUOTES_QUEUE=str(max(CLIENTS)), QUOTES_RATE_LIMIT="") as service:
        service.wait_until_ready()
        asyncio.run(closed_loop(service, articles, workers, WARMING))
        before = {process: computed_by(process) for process in service.processes()}
        answered = 0
        print(f"{'clients':>8} {'articles':>9} {'p50 s':>7} {'p95 s':>7} {'p99 s':>7} {'articles/s':>11}")
        for clients in sorted({*CLIENTS, workers}):
            answers = asyncio.run(closed_loop(service, articles, clients, seconds))
            failed = [answer for answer in answers if answer.status != 200]
            assert not failed, failed[:3]
            answered += len(answers)
            row = rows[clients] = Row(*centiles(answers), len(answers) / seconds)
            shown = f"{row.p50:>7.3f} {row.p95:>7.3f} {row.p99:>7.3f} {row.rate:>11.2f}"
            print(f"{clients:>8} {len(answers):>9} {shown}   {load()}", flush=True)
        show_processes(service, before, answered)
        show_share_of_http(service, seconds)
    return rows


def show_processes(service: Served, before: dict[int, float], answered: int) -> None:
    """Print the memory of each process, and what it computed for each article: little depends on who else does."""
    names = ("service", "nursery", *["worker"] * (len(before) - 2))
    print(f"\n{'process':>12} {'resident MB':>12} {'shared out MB':>14} {'private MB':>11} {'CPU ms/article':>15}")
    for name, process in zip(names, service.processes(), strict=True):
        sizes = memory_of(process)
        computed = (computed_by(process) - before[process]) / answered * 1000
        print(f"{name:>12} {sizes['Rss']:>12.0f} {sizes['Pss']:>14.0f} {sizes['Private']:>11.0f} {computed:>15.1f}")
    print(f"{'together':>12} {'':>12} {memory_together(service):>14.0f}")


def overloaded(articles: Sequence[str], seconds: float, rows: dict[int, Row], workers: int) -> None:
    """Send more than can be answered, and show what is."""
    sustained = max(row.rate for row in rows.values())
    rate = OVERLOAD * sustained
    with served(QUOTES_RATE_LIMIT="") as service:
        service.wait_until_ready()
        asyncio.run(closed_loop(service, articles, workers, WARMING))
        answers, memory = asyncio.run(open_loop(service, articles, rate, seconds))
    accepted = [answer for answer in answers if answer.status == 200]
    refused = [answer for answer in answers if answer.status == 503]
    others = len(answers) - len(accepted) - len(refused)
    p50, p95, p99 = centiles(accepted)
    print(f"\n{rate:.1f} articles/s for {seconds:.0f} s, {OVERLOAD} times {sustained:.2f}; {load()}")
    print(
        f"  answered 503: {len(refused) / len(answers):.1%}, in {centiles(refused)[1]:.3f} s (p95); other errors: {others}"
    )
    print(f"  accepted: {len(accepted) / seconds:.2f}/s; p50 {p50:.3f}, p95 {p95:.3f}, p99 {p99:.3f} s")
    for clients in sorted({1, workers}):
        print(f"  p95 is {p95 / rows[clients].p95:.2f} times that of {clients} at a time ({rows[clients].p95:.3f} s)")
    print(f"  memory of all processes, every 5 s: {', '.join(f'{size:.0f}' for size in memory)} MB")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="of each measurement (default: 60)")
    parser.add_argument("--compare", metavar="URL", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.compare:
        compare(args.compare, args.seconds)
        return
    settings = Settings()
    workers = settings.worker_count
    print(f"{platform.machine()}, {os.cpu_count()} cores, {load()}, Python {platform.python_version()}")
    print(f"{workers} workers; a queue of {settings.queue_length} under overload\n")
    articles = articles_of(600)
    rows = unloaded(articles, args.seconds, workers)
    overloaded(articles, args.seconds, rows, workers)


if __name__ == "__main__":
    main()
