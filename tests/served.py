"""The service in a process of its own, on a socket."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryDirectory

import httpx

from tests.conftest import ROOT

REAL = ("quotes.cli", "serve")
OBEDIENT = ("uvicorn", "--factory", "tests.obedient:service", "--no-access-log")  # no models: it does what articles say


@dataclass
class Served:
    url: str
    process: subprocess.Popen[bytes]

    def processes(self) -> list[int]:
        """The ids of the service's own process, of the one that loads the models, and of the workers."""
        found = [self.process.pid]
        for parent in found:
            for thread in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{thread}/children") as file:
                    found += map(int, file.read().split())
        return found

    def wait_until_ready(self) -> None:
        for _ in range(1200):
            if httpx.get(self.url + "/readyz").status_code == 200:
                return
            time.sleep(0.1)
        raise TimeoutError("the service does not get ready")


@contextmanager
def served(command: tuple[str, ...] = REAL, **settings: str) -> Iterator[Served]:
    """A service that answers, ready or not; stopped in the end. `settings` are environment variables."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = [sys.executable, "-m", *command, "--port", str(port)]
    with TemporaryDirectory() as folder:
        database = {"QUOTES_DATABASE": f"{folder}/quotes.sqlite"}
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **database, **settings}
        process = subprocess.Popen(started, cwd=ROOT, env=environment)
        try:
            service = Served(f"http://127.0.0.1:{port}", process)
            for _ in range(600):
                try:
                    httpx.get(service.url + "/livez")
                    break
                except httpx.ConnectError:
                    assert process.poll() is None, "the service has ended"
                    time.sleep(0.1)
            yield service
        finally:
            process.terminate()
            process.wait()
