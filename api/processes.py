"""The processes that load and analyse, as the service's own process sees them (`api.nursery` is their inside)."""

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress

from api.analyser import Analyser
from api.nursery import FAILED, LENGTH, PROCESS_ID, framed

_PROGRAM = "import socket, sys; from api.nursery import main; main(socket.socket(fileno=int(sys.argv[1])))"
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class ProcessEnded(Exception):
    """A process has ended that was waited for."""


class ModelsNotLoaded(Exception):
    """The models cannot be loaded; the cause says why."""


class WorkerProcess(asyncio.Protocol):
    """A worker, which does one job at a time."""

    def __init__(self, process_id: int, ended: Callable[["WorkerProcess"], None]) -> None:
        """`ended` is called once when the process has ended, whatever the reason."""
        self.process_id = process_id
        self.ended = False
        self._on_end = ended
        self._received = bytearray()
        self._answer: asyncio.Future[bytes] | None = None

    async def run(self, job: bytes) -> bytes:
        """What `api.nursery.answered` answers to a job. Raises ProcessEnded.

        When this is cancelled the process is killed, since there is no other way to stop it.
        """
        if self.ended:
            raise ProcessEnded
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(framed(job))
        try:
            return await self._answer
        except asyncio.CancelledError:
            self.kill()
            raise

    def kill(self) -> None:
        """End the process at once."""
        if not self.ended:
            self.ended = True
            with suppress(ProcessLookupError):
                os.kill(self.process_id, signal.SIGKILL)
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by asyncio."""
        self._received += data
        if len(self._received) < LENGTH.size:
            return
        end = LENGTH.size + LENGTH.unpack_from(self._received)[0]
        if len(self._received) == end and self._answer is not None and not self._answer.done():
            self._answer.set_result(bytes(self._received[LENGTH.size :]))
            self._received.clear()

    def connection_lost(self, error: Exception | None) -> None:
        """Called by asyncio: the process has ended, and with it its side of the connection."""
        self.ended = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ProcessEnded())
        self._on_end(self)


class Nursery:
    """The process that loads the models and forks the workers. It is started when a worker is asked for and none runs."""

    def __init__(self, load: Callable[[], Analyser]) -> None:
        """`load` is pickled: it must be a function of a module."""
        self._load = pickle.dumps(load)
        self._failure: Exception | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    async def worker(self, ended: Callable[[WorkerProcess], None]) -> WorkerProcess:
        """A new worker. `ended` is called when it has ended.

        Raises ModelsNotLoaded, and ProcessEnded when the nursery ends before there is a worker: try again.
        """
        async with self._one_at_a_time:
            try:
                if self._control is None:
                    self._control = await self._loaded()
                return await self._forked(self._control, ended)
            except ConnectionError as error:
                self._bury()
                raise ProcessEnded from error
            except OSError as error:  # no more memory, or no more files
                raise ProcessEnded from error

    def close(self) -> None:
        """Kill the process and the workers that it has forked."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._bury()

    def _bury(self) -> None:
        """Forget a process that has ended or is about to; its workers go on."""
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.wait()
            self._process = None

    async def _loaded(self) -> socket.socket:
        """Start the process and wait until it has loaded the models; its control socket."""
        if self._failure is not None:
            raise ModelsNotLoaded from self._failure
        control, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _PROGRAM, str(theirs.fileno())]
            environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **_ONE_THREAD}
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # so that Ctrl+C stops the service alone, and close() all of its processes
            )
        control.sendall(framed(self._load))
        control.setblocking(False)
        if await _read(control, 1) == FAILED:
            self._failure = pickle.loads(await _read_all(control))  # noqa: S301 - from a process of ours
            raise ModelsNotLoaded from self._failure
        return control

    async def _forked(self, control: socket.socket, ended: Callable[[WorkerProcess], None]) -> WorkerProcess:
        ours, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(control, [b"w"], [theirs.fileno()])
            (process_id,) = PROCESS_ID.unpack(await _read(control, PROCESS_ID.size))
        loop = asyncio.get_running_loop()
        _, worker = await loop.create_unix_connection(lambda: WorkerProcess(process_id, ended), sock=ours)
        return worker


async def _read(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises ConnectionError when the other side has closed before."""
    data = b""
    while len(data) < size:
        more = await asyncio.get_running_loop().sock_recv(connection, size - len(data))
        if not more:
            raise ConnectionResetError("the process has ended")
        data += more
    return data


async def _read_all(connection: socket.socket) -> bytes:
    """What comes before the other side closes."""
    data = b""
    while more := await asyncio.get_running_loop().sock_recv(connection, 65536):
        data += more
    return data
