"""The whole way, from an article to its analysis."""

import gc
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial

from quotes.artefacts import Artefact
from quotes.attribution import attribute, sentences_to_parse
from quotes.document import Analysis, Article, Quotation, Span, Stance
from quotes.errors import EmptyArticle
from quotes.marks import find_quotations
from quotes.parsing import EnglishModels, Parse
from quotes.ranker import SpeakerRanker
from quotes.settings import Settings
from quotes.stance import StanceClassifier
from quotes.stance_features import StanceQuestion
from quotes.uniform import uniform
from quotes.whole_names import whole_names

COLLECT_AFTER = 100_000  # objects made since the last collection; Python's own is 700


class Pipeline:
    """The loaded models and the one function that uses them all."""

    def __init__(self, english: EnglishModels, ranker: SpeakerRanker, stance: StanceClassifier) -> None:
        self._english = english
        self._ranker = ranker
        self._stance = stance

    @classmethod
    def load(cls) -> "Pipeline":
        """Load every model once. Raises ArtefactMissing or ArtefactAltered."""
        settings = Settings()
        english = EnglishModels.load(settings.english_dir, settings.english_package)
        pipeline = cls(english, SpeakerRanker.load(), StanceClassifier.load())
        # The models stay for good, and an article makes tens of thousands of objects that mostly go by themselves: without
        # this, the collector walks through them all again and again, a sixth of the time.
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_AFTER, *gc.get_threshold()[1:])
        return pipeline

    @property
    def models(self) -> Mapping[str, Artefact]:
        """The artefacts in use, by name; an English package from elsewhere is not one of ours and has none."""
        found = {
            "english": self._english.artefact,
            "attribution": self._ranker.artefact,
            "stance": self._stance.artefact,
        }
        return {name: artefact for name, artefact in found.items() if artefact is not None}

    def analyse(self, article: Article) -> Analysis:
        """Find the quotations of an article, who said them, and their stance. Raises EmptyArticle."""
        spelt = uniform(article.text)
        text = spelt.text
        if not text.strip():
            raise EmptyArticle("the article has no text; send the words of the article")
        quotations, diagnostics = find_quotations(text, [spelt.respelt(block) for block in article.blockquotes])
        if quotations:
            annotated = self._english.annotate(text, quotations, partial(sentences_to_parse, quotations))
            parse = whole_names(text, annotated)
            quotations = self._with_stances(text, attribute(text, quotations, parse, self._ranker), parse)
        versions = {name: artefact.version for name, artefact in self.models.items()}
        return Analysis(article, *spelt.originals(quotations, diagnostics), versions)

    def label(self, text: str, quotation: tuple[Span, ...]) -> Stance:
        """The stance of a quotation that somebody else has found; `text` is the sentences that carry it.

        Raises ValueError for spans outside the text.
        """
        return self._stance.label(text, quotation, Span(0, len(text)))

    def _with_stances(self, text: str, quotations: tuple[Quotation, ...], parse: Parse) -> tuple[Quotation, ...]:
        spoken = [q for q in quotations if q.speaker is not None]
        questions = [
            StanceQuestion(
                q.spans,
                _context(q, parse),
                (q.speaker.evidence.mention,) if q.speaker and q.speaker.evidence.mention else (),
            )
            for q in spoken
        ]
        answers = iter(self._stance.label_many(text, questions))
        return tuple(q if q.speaker is None else replace(q, stance=next(answers)) for q in quotations)


def _context(quotation: Quotation, parse: Parse) -> Span:
    """The sentences that carry the quotation, with the reporter's words."""
    touching = [parse.sentences[n] for span in quotation.spans for n in parse.sentences_in(span)]
    start = min([s.start for s in touching] + [quotation.start])
    return Span(start, max([s.end for s in touching] + [quotation.end]))


@cache
def _shared() -> Pipeline:
    return Pipeline.load()


def analyse(article: Article) -> Analysis:
    """Analyse one article with models that are loaded on the first call and kept. Raises EmptyArticle, ArtefactError."""
    return _shared().analyse(article)


def label(text: str, quotation: tuple[Span, ...]) -> Stance:
    """The stance of a quotation that stands in `text`; see Pipeline.label. Raises ArtefactError."""
    return _shared().label(text, quotation)


def analyse_many(articles: Iterable[Article], processes: int = 1) -> Iterator[Analysis]:
    """Analyse articles in order, in as many processes as asked for (each loads the models once)."""
    if processes <= 1:
        yield from map(analyse, articles)
        return
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with ProcessPoolExecutor(processes) as pool:
        yield from pool.map(analyse, articles, chunksize=4)
