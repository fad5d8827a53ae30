"""The process that loads the models, once, and forks the workers; this module is what runs in it and in them.

Forked workers share the memory of the models, which nobody writes to, and take milliseconds to replace. Forking is safe
because the process has one thread: it does nothing else, and torch and the linear algebra beneath it are told to use one.

The service's process, which `api.processes` speaks for, sends over the control socket what loads the models, and is
answered LOADED, or FAILED and the pickled error. Then it sends a byte with a socket attached for each worker that it
wants and is answered the worker's process id. A worker takes framed jobs from its socket and answers each with a frame:
whether it was done, and the answer or the error. All of them end when the service's process closes its side or is gone.
"""

import gc
import logging
import os
import pickle
import signal
import socket
from collections.abc import Callable
from struct import Struct
from typing import IO, Any

from tblib import pickling_support

from api import logs
from api.analyser import Analyser, Counting
from quotes.reading import from_text

LENGTH = Struct(">Q")  # before each frame: its bytes
PROCESS_ID = Struct(">I")
LOADED, FAILED = b"+", b"-"

_log = logging.getLogger(__name__)

_WARM_UP = "“We are ready for a ceasefire,” Ann Lee, the foreign minister, said on Monday."


def main(control: socket.socket) -> None:
    """Load the models and fork workers until the service's process has gone."""
    logs.configure()
    for stop in (signal.SIGINT, signal.SIGTERM):  # may be sent to all processes; the service's decides when we end
        signal.signal(stop, signal.SIG_IGN)
    with control.makefile("rb") as stream:
        load = pickle.loads(_received(stream) or b"")  # noqa: S301 - from the service's own process
    try:
        analyser: Analyser = load()
        warm_up(analyser)
    except Exception as error:
        control.sendall(FAILED + _pickled_error(error))
        return
    control.sendall(LOADED)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how a worker ended
    gc.collect()
    gc.freeze()  # so that the collector, in a worker, does not write to what is shared
    while True:
        message, sockets, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            os.killpg(0, signal.SIGKILL)
        worker = os.fork()
        if worker == 0:
            control.close()
            _work(socket.socket(fileno=sockets[0]), analyser)
        os.close(sockets[0])
        control.sendall(PROCESS_ID.pack(worker))


def warm_up(analyser: Analyser) -> dict[str, str]:
    """Analyse a sentence: the first analysis is slow, and shows that there can be others. The models' versions, by name."""
    analyser.analyse(from_text(_WARM_UP))
    return {name: artefact.version for name, artefact in analyser.models.items()}


def answered(job: bytes, analyser: Analyser) -> bytes:
    """What a pickled job answers, pickled: whether it was done, the answer or the error, and the quotations found, by stance."""
    counting = Counting(analyser)
    try:
        work: Callable[[Analyser], Any] = pickle.loads(job)  # noqa: S301 - from the service's own process
        return pickle.dumps((True, work(counting), counting.found))
    except Exception as error:
        return pickle.dumps((False, pickle.loads(_pickled_error(error)), counting.found))  # noqa: S301 - made here


def framed(data: bytes) -> bytes:
    """The data behind its length."""
    return LENGTH.pack(len(data)) + data


def _received(stream: IO[bytes]) -> bytes | None:
    """The next frame; None when the other side has closed."""
    header = stream.read(LENGTH.size)
    return stream.read(*LENGTH.unpack(header)) if len(header) == LENGTH.size else None


def _work(connection: socket.socket, analyser: Analyser) -> None:
    """Answer jobs until the service's process closes the connection; never returns."""
    try:
        with connection.makefile("rb") as jobs:
            while (job := _received(jobs)) is not None:
                connection.sendall(framed(answered(job, analyser)))
    except ConnectionError:
        pass  # nobody wants the answer any more
    except BaseException:
        _log.exception("a worker failed")
    finally:
        os._exit(0)


def _pickled_error(error: Exception) -> bytes:
    """The error with its traceback, or where it cannot be pickled another that says the same."""
    try:
        pickling_support.install(error)
        pickled = pickle.dumps(error)
        pickle.loads(pickled)  # noqa: S301 - some that can be pickled cannot be made again
        return pickled
    except Exception:
        return pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
