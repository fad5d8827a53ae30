"""The one thread that loads the models and analyses; the event loop never waits for it.

One thread, because torch runs single-threaded and the models are not safe for two.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol, TypeVar

from fastapi import Request

from api.errors import NOT_READY, Problem
from quotes.artefacts import Artefact
from quotes.document import Analysis, Article, Span, Stance
from quotes.errors import QuotesError
from quotes.reading import from_text

Answer = TypeVar("Answer")

_WARM_UP = "“We are ready for a ceasefire,” Ann Lee, the foreign minister, said on Monday."
_RETRY_AFTER = {"Retry-After": "5"}  # seconds; about what loading takes

_log = logging.getLogger(__name__)


class Analyser(Protocol):
    """What the service needs of `quotes.pipeline.Pipeline`."""

    @property
    def models(self) -> Mapping[str, Artefact]:
        """The models in use, by name."""
        ...

    def analyse(self, article: Article) -> Analysis:
        """Analyse one article."""
        ...

    def label(self, text: str, quotation: tuple[Span, ...]) -> Stance:
        """The stance of a quotation that stands in `text`."""
        ...


class Worker:
    """Loads in the background from the moment that it is made; is ready once it has analysed a sentence."""

    def __init__(self, load: Callable[[], Analyser]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis")
        self._analyser = self._thread.submit(_warm, load)
        self._analyser.add_done_callback(_report)

    def analyser(self) -> Analyser:
        """The loaded models. Raises Problem (503) before they are, or when they could not be."""
        if not self._analyser.done():
            raise Problem(NOT_READY, "the models are being loaded; try again in a few seconds", headers=_RETRY_AFTER)
        if self._analyser.cancelled() or self._analyser.exception():
            raise Problem(NOT_READY, "the models could not be loaded; the service's log says why")
        return self._analyser.result()

    async def run(self, job: Callable[[Analyser], Answer]) -> Answer:
        """Run `job` in the thread, after those that wait already. Raises what `job` and `analyser` raise."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, job, self.analyser())

    def close(self) -> None:
        """Finish the job that runs, drop those that wait."""
        self._thread.shutdown(cancel_futures=True)


def worker_of(request: Request) -> Worker:
    """The service's worker, for routes that depend on it."""
    worker: Worker = request.app.state.worker
    return worker


def _warm(load: Callable[[], Analyser]) -> Analyser:
    analyser = load()
    analyser.analyse(from_text(_WARM_UP))  # the first analysis is slow, and shows that there can be others
    return analyser


def _report(loaded: "Future[Analyser]") -> None:
    if not loaded.cancelled() and (error := loaded.exception()):
        explained = isinstance(error, QuotesError)
        _log.error("the models could not be loaded: %s", error, exc_info=None if explained else error)
