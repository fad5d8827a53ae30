"""What the workers are given to do their jobs with."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Protocol

from quotes.artefacts import Artefact
from quotes.document import Analysis, Article, Span, Stance
from quotes.people_file import PeopleFile


class Analyser(Protocol):
    """What the service needs of `quotes.pipeline.Pipeline`."""

    @property
    def models(self) -> Mapping[str, Artefact]:
        """The models in use, by name."""
        ...

    def analyse(self, article: Article) -> Analysis:
        """Analyse one article. Raises EmptyArticle."""
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
        """Analyse one article. Raises EmptyArticle."""
        return self._people.pin(self._analyser.analyse(article))

    def label(self, text: str, quotation: tuple[Span, ...]) -> Stance:
        """The stance of a quotation that stands in `text`."""
        return self._analyser.label(text, quotation)


class Counting:
    """An analyser that counts the quotations that it finds: `found`, by stance, “not_speech” for those that have none."""

    def __init__(self, analyser: Analyser) -> None:
        self._analyser = analyser
        self.found: Counter[str] = Counter()

    @property
    def models(self) -> Mapping[str, Artefact]:
        """The models in use, by name."""
        return self._analyser.models

    def analyse(self, article: Article) -> Analysis:
        """Analyse one article. Raises EmptyArticle."""
        analysis = self._analyser.analyse(article)
        self.found.update(str(q.stance.label) if q.stance else "not_speech" for q in analysis.quotations)
        return analysis

    def label(self, text: str, quotation: tuple[Span, ...]) -> Stance:
        """The stance of a quotation that stands in `text`."""
        return self._analyser.label(text, quotation)
