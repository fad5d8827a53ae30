"""Quotations of annotated articles with their candidates and the mentions of their gold speakers."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

from models.attribution import own, polnear
from quotes.attribution import sentences_to_parse
from quotes.candidates import Candidate, Features, Surroundings
from quotes.document import Quotation, Span
from quotes.marks import find_quotations
from quotes.names import Names
from quotes.parsing import EnglishModels, Entity, Parse, Sentence, Word
from quotes.settings import Settings


@dataclass(slots=True)
class Example:
    """A quotation of a training article with its candidates; `gold` is None where nobody is said to speak."""

    article: int
    text: str
    parse: Parse
    quotation: Quotation
    candidates: list[Candidate]
    gold: list[Span] | None
    previous_was_speech: bool

    def right(self, candidate: Candidate) -> bool:
        """Whether a candidate is the annotated speaker."""
        return self.gold is not None and any(w.overlaps(candidate.mention) for w in self.gold)


@cache
def english() -> EnglishModels:
    """The language models, loaded once."""
    settings = Settings()
    return EnglishModels.load(settings.english_dir, settings.english_package)


def annotate(article: polnear.GoldArticle, work: Path) -> Parse:
    """Annotate an article, or read the annotation made before by the same models."""
    language = english()
    version = language.artefact.version if language.artefact else "unversioned"
    key = hashlib.sha256((version + article.text).encode()).hexdigest()[:16]
    path = work / f"{key}.json"
    if path.exists():
        stored = json.loads(path.read_text(encoding="utf-8"))
        sentences = [Sentence([Word(*w) for w in s["words"]], s["paragraph"], s["parsed"]) for s in stored["sentences"]]
        return Parse(tuple(sentences), tuple(Entity(Span(a, b), t) for a, b, t in stored["entities"]))
    quotations, _ = find_quotations(article.text)
    parse = language.annotate(article.text, quotations, partial(sentences_to_parse, quotations))
    sentences = [{**asdict(s), "words": [list(asdict(w).values()) for w in s.words]} for s in parse.sentences]
    entities = [(e.span.start, e.span.end, e.type) for e in parse.entities]
    path.write_text(json.dumps({"sentences": sentences, "entities": entities}), encoding="utf-8")
    return parse


def examples(articles: list[polnear.GoldArticle], work: Path) -> list[Example]:
    """All quotations with their candidates. What was said before a quotation is taken from gold."""
    result = []
    for number, article in enumerate(articles):
        parse = annotate(article, work)
        quotations, _ = find_quotations(article.text)
        surroundings = Surroundings(article.text, quotations, parse)
        previous: Candidate | None = None
        before: Quotation | None = None
        spoken = True
        for quotation in quotations:
            if not _double(article.text, quotation):
                continue  # PolNeAR's annotators marked these too rarely to learn from
            candidates = surroundings.candidates(quotation, previous, before)
            gold = polnear.gold_words(article, quotation)
            example = Example(number, article.text, parse, quotation, candidates, gold, spoken)
            result.append(example)
            spoken = gold is not None
            right = [c for c in candidates if example.right(c)]
            if right:
                previous, before = right[0], quotation
    return result


def own_examples(first: int) -> list[Example]:
    """The quotations of the project's own articles, numbered from `first` on."""
    result = []
    for number, (article, gold) in enumerate(own.articles(), first):
        quotations, _ = find_quotations(article.text)
        parse = english().annotate(article.text, quotations, partial(sentences_to_parse, quotations))
        surroundings = Surroundings(article.text, quotations, parse)
        names = Names(article.text, parse, quotations, most_salient)
        previous: Candidate | None = None
        before: Quotation | None = None
        spoken = True
        for quotation in quotations:
            answer = own.gold_of(article, quotation, gold)
            if answer is None:
                continue
            candidates = surroundings.candidates(quotation, previous, before)
            mentions = own.right_mentions(answer, candidates, names)
            example = Example(number, article.text, parse, quotation, candidates, mentions, spoken)
            result.append(example)
            spoken = mentions is not None
            right = [c for c in candidates if example.right(c)]
            if right:
                previous, before = right[0], quotation
    return result


def _double(text: str, quotation: Quotation) -> bool:
    return text[: quotation.start].rstrip()[-1:] in '“"„'


def most_salient(rows: Sequence[Features]) -> tuple[int, float]:
    """The choice of an antecedent before one is learned: the most salient person."""
    return 0, 0.5
