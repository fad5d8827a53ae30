"""Quotations of annotated articles with their candidates and the mentions of their gold speakers."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path

from models.attribution import own, polnear
from quotes.attribution import sentences_to_parse
from quotes.candidates import Candidate, Candidates, Features
from quotes.document import Quotation, Span
from quotes.marks import find_quotations
from quotes.names import Names
from quotes.parsing import EnglishModels, Entity, Parse, Sentence, Word
from quotes.settings import Settings
from quotes.uniform import uniform
from quotes.whole_names import whole_names

_Gold = Callable[[list[Candidate]], list[Span] | None]
"""From the candidates of a quotation to the mentions of its gold speaker; None where nobody speaks."""


@dataclass(slots=True)
class Example:
    """A quotation of a training article with its candidates.

    `gold` is the mentions of its speaker; None where nobody speaks, or where nothing marks who of those who are mentioned does.
    """

    article: int
    text: str
    parse: Parse
    quotation: Quotation
    candidates: list[Candidate]
    gold: list[Span] | None
    spoken: bool
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
        parse = Parse(tuple(sentences), tuple(Entity(Span(a, b), t) for a, b, t in stored["entities"]))
        return whole_names(article.text, parse)
    quotations, _ = find_quotations(article.text)
    parse = language.annotate(article.text, quotations, partial(sentences_to_parse, quotations))
    sentences = [{**asdict(s), "words": [list(asdict(w).values()) for w in s.words]} for s in parse.sentences]
    entities = [(e.span.start, e.span.end, e.type) for e in parse.entities]
    path.write_text(json.dumps({"sentences": sentences, "entities": entities}), encoding="utf-8")
    return whole_names(article.text, parse)


def examples(
    articles: list[polnear.GoldArticle], work: Path, read: Mapping[int, Callable[[Quotation], bool | None]]
) -> list[Example]:
    """All quotations of PolNeAR articles with their candidates.

    `read` has, for the articles that a reader has gone through, whether a quotation is somebody's speech (None: not read).
    PolNeAR's annotators gave many titles and terms a source, and left some speech without one.
    """
    result = []
    for number, article in enumerate(articles):
        quotations, _ = find_quotations(article.text)
        speech = read.get(number, lambda _: None)
        # PolNeAR's annotators marked single quotes too rarely to learn from
        asked = [(q, partial(_gold_words, article, q), speech(q)) for q in quotations if _double(article.text, q)]
        result += _of_article(number, article.text, annotate(article, work), quotations, asked)
    return result


def own_examples(first: int) -> list[Example]:
    """The quotations of the project's own articles, numbered from `first` on."""
    result = []
    for number, (article, gold) in enumerate(own.articles(), first):
        text = uniform(article.text).text
        if len(text) != len(article.text):
            raise ValueError(
                f"{article.id or article.title or number}: the gold of our own articles counts in one spelling"
            )
        quotations, _ = find_quotations(text)
        parse = whole_names(text, english().annotate(text, quotations, partial(sentences_to_parse, quotations)))
        names = Names(text, parse, quotations, most_salient)
        answers = [(q, own.gold_of(article, q, gold)) for q in quotations]
        asked = [
            (q, partial(own.right_mentions, answer, names=names), None) for q, answer in answers if answer is not None
        ]
        result += _of_article(number, text, parse, quotations, asked)
    return result


def _of_article(
    number: int,
    text: str,
    parse: Parse,
    quotations: Sequence[Quotation],
    asked: Sequence[tuple[Quotation, _Gold, bool | None]],
) -> list[Example]:
    """Examples of the quotations that are asked about, each with its gold and, where that is known better than by the gold,
    whether it is speech; what was said before a quotation is taken from gold."""
    result = []
    finder = Candidates(text, quotations, parse)
    previous: Candidate | None = None
    before: Quotation | None = None
    spoken_before = True
    for quotation, gold_of, speech in asked:
        candidates = finder.of(quotation, previous, before)
        gold = gold_of(candidates) if speech is not False else None
        spoken = gold is not None if speech is None else speech
        example = Example(number, text, parse, quotation, candidates, gold, spoken, spoken_before)
        result.append(example)
        spoken_before = spoken
        right = [c for c in candidates if example.right(c)]
        if right:
            previous, before = right[0], quotation
    return result


def _gold_words(article: polnear.GoldArticle, quotation: Quotation, candidates: list[Candidate]) -> list[Span] | None:
    return polnear.gold_words(article, quotation)


def _double(text: str, quotation: Quotation) -> bool:
    return text[: quotation.start].rstrip()[-1:] in '“"„'


def most_salient(
    rows: Sequence[Features], pronoun: Span, words: Sequence[Span], mentions: Sequence[Span]
) -> list[float]:
    """The choice of an antecedent before one is learned: the most salient person."""
    return [0.5, *[0.0] * (len(rows) - 1)]
