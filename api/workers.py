"""What loads the models and analyses; the event loop never waits for it.

Jobs and their answers are pickled: a job is a `functools.partial` of a function of a module.
"""

import asyncio
import logging
import pickle
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

from fastapi import Request

from api.errors import NOT_READY, Problem
from quotes.artefacts import Artefact
from quotes.document import Analysis, Article, Span, Stance
from quotes.errors import QuotesError
from quotes.people_file import PeopleFile
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
        """Analyse one article, speakers pinned by the people file."""
        ...

    def label(self, text: str, quotation: tuple[Span, ...]) -> Stance:
        """The stance of a quotation that stands in `text`."""
        ...


class Pinning:
    """An analyser whose speakers have the people file's names."""

    def __init__(self, load: Callable[[], Analyser], people: PeopleFile) -> None:
        self._analyser = load()
        self._people = people

    @property
    def models(self) -> Mapping[str, Artefact]:
        """The models in use, by name."""
        return self._analyser.models

    def analyse(self, article: Article) -> Analysis:
        """Analyse one article."""
        return self._people.pin(self._analyser.analyse(article))

    def label(self, text: str, quotation: tuple[Span, ...]) -> Stance:
        """The stance of a quotation that stands in `text`."""
        return self._analyser.label(text, quotation)


class Workers:
    """Loads in the background from the moment that it is made; is ready once it has analysed a sentence."""

    def __init__(self, load: Callable[[], Analyser]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="analysis")
        self._analyser = self._thread.submit(_warm, load)
        self._analyser.add_done_callback(_report)

    def require_ready(self) -> None:
        """Raise Problem (503) before the models are loaded, or when they could not be."""
        if not self._analyser.done():
            raise Problem(NOT_READY, "the models are being loaded; try again in a few seconds", headers=_RETRY_AFTER)
        if self._analyser.cancelled() or self._analyser.exception():
            raise Problem(NOT_READY, "the models could not be loaded; the service's log says why")

    async def run(self, job: Callable[[Analyser], Answer], backlog: bool = False) -> Answer:
        """What `job` answers when it is given the loaded models, after the jobs that wait already.

        A job of the `backlog` has time: it waits until no other job does, and until the models are loaded. Raises
        Problem (503) for another that comes before they are, and what `job` raises.
        """
        if not backlog:
            self.require_ready()
        pickled = await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, pickle.dumps(job))
        answer: Answer = pickle.loads(pickled)  # noqa: S301 - it comes from this service itself
        return answer

    def _answer(self, pickled: bytes) -> bytes:
        job: Callable[[Analyser], Any] = pickle.loads(pickled)  # noqa: S301
        return pickle.dumps(job(self._analyser.result()))

    def close(self) -> None:
        """Finish the job that runs, drop those that wait."""
        self._thread.shutdown(cancel_futures=True)


def workers_of(request: Request) -> Workers:
    """The service's workers, for routes that depend on them."""
    workers: Workers = request.app.state.workers
    return workers


def _warm(load: Callable[[], Analyser]) -> Analyser:
    analyser = load()
    analyser.analyse(from_text(_WARM_UP))  # the first analysis is slow, and shows that there can be others
    return analyser


def _report(loaded: "Future[Analyser]") -> None:
    if not loaded.cancelled() and (error := loaded.exception()):
        explained = isinstance(error, QuotesError)
        _log.error("the models could not be loaded: %s", error, exc_info=None if explained else error)
