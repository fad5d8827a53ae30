"""How well speakers are named: a test set held against predictions, with intervals.

Each gold quotation takes the prediction that covers most of it; that one's name and mention are judged. For detection, gold
and predicted quotations are paired one to one. Every figure is a ratio of two sums over articles; its interval comes from
drawing articles with replacement, since the quotations of one article go right or wrong together. Formats and definitions
are in docs/evaluation.md. Offsets are code points, end exclusive; shares are between 0 and 1.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from pydantic import TypeAdapter, ValidationError

from quotes import reading
from quotes.document import Analysis, Span
from quotes.errors import InputError, UnreadableArticle
from quotes.evaluation.intervals import bootstrap
from quotes.exports import harmless
from quotes.people import is_pronoun
from quotes.person_names import TITLES
from quotes.terminal import one_line

FULL_WORDS = 5  # a quotation of so many words is in the band "full"
LEAST_OVERLAP = 0.5  # of gold that a prediction must cover; of both together (intersection over union) to detect it

Kind = Literal["person", "organisation", "document", "group", "unnamed", "none"]
Band = Literal["full", "short"]
_SHARES = {"right": ("right", "incomplete"), "wrong": ("wrong",), "unresolved": ("unresolved", "missed")}  # of verdicts
_Row = TypeVar("_Row")
_Tally = Counter[tuple[str, str, int]]  # sums by metric and group: 0 is the upper, 1 the lower of the ratio


@dataclass(frozen=True)
class Gold(Span):
    """A line of GOLD: the span of one quotation and who says it; `kind` is "none" and `who` None where it is no speech."""

    doc: str
    who: str | None
    kind: Kind
    aliases: tuple[str, ...] = ()
    band: Band | None = None
    mentions: tuple[tuple[int, int], ...] = ()  # where the text names the speaker; a system may point at any

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.kind == "none") is not (self.who is None):
            raise ValueError('"who" must be null where "kind" is "none", and a name or a description elsewhere')
        for mention in self.mentions:
            Span(*mention)


@dataclass(frozen=True)
class Predicted(Span):
    """One span of a quotation that a system found; `name` is None where it leaves the speaker unresolved."""

    name: str | None
    speaker_start: int | None = None
    speaker_end: int | None = None
    speech: bool = True
    text: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.mention is None and self.speaker_start is not self.speaker_end:
            raise ValueError('"speaker_start" and "speaker_end" must both be numbers or both be null')

    @property
    def mention(self) -> Span | None:
        """Where the text names the speaker."""
        if self.speaker_start is None or self.speaker_end is None:
            return None
        return Span(self.speaker_start, self.speaker_end)


@dataclass(frozen=True)
class PredictedArticle:
    """A line of PRED: what a system found in one article; `text` is the article's, where it is known."""

    doc: str
    quotes: tuple[Predicted, ...]
    text: str | None = None


class Verdict(StrEnum):
    """What became of a gold quotation."""

    RIGHT = "right"
    INCOMPLETE = "incomplete"  # right, but not the full name of the person
    WRONG = "wrong"
    UNRESOLVED = "unresolved"  # no name, or only a pronoun
    MISSED = "missed"  # not found, or taken for no speech; counts as unresolved
    NOBODY = "nobody"  # no speech, and given no speaker
    INVENTED = "invented"  # no speech, but given a speaker


@dataclass(frozen=True, slots=True)
class Judgement:
    """A gold quotation, the prediction that it took, and what became of it; words and band where they are known."""

    gold: Gold
    given: Predicted | None
    verdict: Verdict
    detected: bool
    words: str | None
    band: Band | None


@dataclass(frozen=True, slots=True)
class Figure:
    """A share `value` of `n`, with the bounds of its 95 % interval; `group` is "all", a kind of speaker or a band."""

    metric: str
    group: str
    n: int
    value: float
    low: float
    high: float


def evaluate_speakers(gold: Iterable[Gold], found: dict[str, PredictedArticle]) -> tuple[list[Judgement], list[Figure]]:
    """Judge every gold quotation, and sum up. An article without predictions counts as one in which nothing was found."""
    by_article: dict[str, list[Gold]] = {}
    for quotation in gold:
        by_article.setdefault(quotation.doc, []).append(quotation)
    judged = [judge_article(its, found.get(doc) or PredictedArticle(doc, ())) for doc, its in by_article.items()]
    judgements = [judgement for its, _ in judged for judgement in its]
    banded = all(j.band for j in judgements) and all(band_of(q.text) for _, rest in judged for q in rest)
    return judgements, _figures([_tally(its, rest, banded) for its, rest in judged])


def read_gold(path: Path) -> tuple[Gold, ...]:
    """The quotations of a test set. Raises InputError with file, line and what is wrong."""
    return tuple(_rows(path, Gold, lambda gold: (gold.doc, gold.start, gold.end)))


def read_predictions(path: Path) -> dict[str, PredictedArticle]:
    """Predictions by article. Raises InputError with file, line and what is wrong."""
    return {article.doc: article for article in _rows(path, PredictedArticle, lambda article: article.doc)}


def run(
    folder: Path, docs: Iterable[str], processes: int = 1, max_characters: int = reading.MAX_CHARACTERS
) -> Iterator[PredictedArticle]:
    """Analyse folder/<doc>.txt for every doc, in order. Raises InputError, before any is analysed, for what cannot be read.

    Files are UTF-8 and nothing is changed in them, so that offsets count line ends and a byte order mark as they are.
    """
    articles = []
    for doc in docs:
        text = _content(folder / f"{doc}.txt")
        try:
            articles.append(reading.from_text(text, id=doc, max_characters=max_characters))
        except InputError as error:
            raise type(error)(f"{folder / doc}.txt: {error}") from None
    from quotes.pipeline import analyse_many  # here, so that what cannot be read is refused without loading models

    for analysis in analyse_many(articles, processes):
        yield predicted(analysis)


def predicted(analysis: Analysis) -> PredictedArticle:
    """An analysis as predictions: one for every span of a quotation; what is no speech, and has no speaker, is left out."""
    text = analysis.article.text
    quotes = []
    for quotation in analysis.quotations:
        if quotation.speaker:
            name, mention = quotation.speaker.name, quotation.speaker.evidence.mention
            start, end = (mention.start, mention.end) if mention else (None, None)
            quotes += [Predicted(s.start, s.end, name, start, end, text=s.of(text)) for s in quotation.spans]
    return PredictedArticle(analysis.article.id or "", tuple(quotes), text)


def _rows(path: Path, row: type[_Row], identity: Callable[[_Row], object]) -> Iterator[_Row]:
    adapter = TypeAdapter(row)
    lines: dict[object, int] = {}
    for number, line in enumerate(_content(path).removeprefix("\ufeff").split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = adapter.validate_json(line, strict=True)
        except ValidationError as error:
            wrong = error.errors()[0]
            parts = [f"{path}, line {number}", ".".join(map(str, wrong["loc"])), wrong["msg"]]
            raise InputError(": ".join(filter(None, parts)).replace("Value error, ", "")) from None
        if (first := lines.setdefault(identity(value), number)) != number:
            raise InputError(f"{path}, line {number}: it repeats line {first}; leave one of them out")
        yield value
    if not lines:
        raise InputError(f"{path}: there is nothing in it")


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableArticle(f"{path}: {error.strerror if isinstance(error, OSError) else error}") from None


def judge_article(gold: Sequence[Gold], article: PredictedArticle) -> tuple[list[Judgement], list[Predicted]]:
    """The judgements of an article's gold quotations, and the predictions that detect none that somebody speaks."""
    quotes = [quote for quote in article.quotes if quote.speech]
    pairs = detections(gold, quotes)
    judgements = []
    for number, quotation in enumerate(gold):
        given = covering(quotation, quotes)
        words = quotation.of(article.text) if article.text else given.text if given else None
        band = quotation.band or band_of(words)
        judgements.append(Judgement(quotation, given, judge(quotation, given), number in pairs, words, band))
    serving = {place for number, place in pairs.items() if gold[number].kind != "none"}
    return judgements, [quote for place, quote in enumerate(quotes) if place not in serving]


def covering(gold: Span, quotes: Iterable[Predicted]) -> Predicted | None:
    """The prediction that covers most of a gold span, at least half of it; of equal ones the shortest."""
    best = max(quotes, key=lambda quote: (_shared(gold, quote), -len(quote)), default=None)
    return best if best and _shared(gold, best) >= max(1, LEAST_OVERLAP * len(gold)) else None


def detections(gold: Sequence[Span], found: Sequence[Span]) -> dict[int, int]:
    """Gold spans paired one to one with found ones, by position, best first, where intersection over union is half."""
    shared = [(_shared(one, other), i, j) for i, one in enumerate(gold) for j, other in enumerate(found)]
    scored = [(both / (len(gold[i]) + len(found[j]) - both), i, j) for both, i, j in shared if both]
    pairs: dict[int, int] = {}
    for overlap, i, j in sorted(scored, key=lambda pair: (-pair[0], *pair[1:])):
        if overlap >= LEAST_OVERLAP and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def judge(gold: Gold, given: Predicted | None) -> Verdict:
    """The verdict on the prediction that a gold quotation took."""
    name = given.name if given else None
    if gold.who is None:
        return Verdict.INVENTED if name else Verdict.NOBODY
    if given is None:
        return Verdict.MISSED
    if not name or is_pronoun(name.strip()) or not name_words(name):
        return Verdict.UNRESOLVED
    if not is_right(name, gold):
        return Verdict.WRONG
    full = gold.kind != "person" or set(person_words(gold.who)) <= set(person_words(name))
    return Verdict.RIGHT if full else Verdict.INCOMPLETE


def is_right(name: str, gold: Gold) -> bool:
    """Whether a name is the gold one or an alias.

    For a person it is enough that the surname is the same and the given names of one, or their initials, are among the
    other's; “Bill Clinton” is not Hillary Clinton even where “Clinton” is an alias of hers. For others it is enough that
    all words of one are among the other's, unless they only name the owner: “the premier” is not “the premier's office”.
    """
    names = [gold.who or "", *gold.aliases]
    if gold.kind == "person":
        given, (who, *aliases) = person_words(name), map(person_words, names)
        fuller = [who, *(alias for alias in aliases if len(alias) > 1)]
        return given in (who, *aliases) or any(_one_person(given, other) for other in fuller if other)
    words = set(name_words(name))
    others = [(set(name_words(n)), set(name_words(re.split(r"['’]s?\s", n)[-1]))) for n in names]
    return any(its and (words >= its or (words <= its and words & owned)) for its, owned in others)


def _one_person(one: list[str], other: list[str]) -> bool:
    fewer, more = sorted((one[:-1], other[:-1]), key=len)
    agreed = all(any(a == b or (a[0] == b[0] and 1 in (len(a), len(b))) for b in more) for a in fewer)
    return one[-1] == other[-1] and agreed


def name_words(name: str) -> list[str]:
    """A name's words without case, accents, punctuation, possessives and the article before it."""
    letters = "".join(c for c in unicodedata.normalize("NFKD", name.casefold()) if not unicodedata.combining(c))
    plain = re.sub(r"(?<=\w)(?:['’]s?(?!\w)|\.(?=\w))", "", letters)  # also “U.S.” is “US”
    words = re.findall(r"[\w&]+", plain)
    return words[1:] if len(words) > 1 and words[0] in ("the", "a", "an") else words


def person_words(name: str) -> list[str]:
    """The same without what stands after the name (“Jr.”), and without titles and what stands before them."""
    words = name_words(name)
    while len(words) > 1 and words[-1] in ("jr", "sr", "ii", "iii", "iv"):
        words.pop()
    titles = [place for place, word in enumerate(words[:-1]) if word in TITLES]
    return words[titles[-1] + 1 :] if titles else words


def band_of(words: str | None) -> Band | None:
    """The band of quoted words; None where they are not known."""
    if words is None:
        return None
    return "full" if sum(any(c.isalnum() for c in word) for word in words.split()) >= FULL_WORDS else "short"


def _shared(one: Span, other: Span) -> int:
    return max(0, min(one.end, other.end) - max(one.start, other.start))


def _tally(judgements: Iterable[Judgement], rest: Iterable[Predicted], banded: bool) -> _Tally:
    """One article's part of every sum. `banded`: all bands are known, so that detection can be told by band."""
    tally: _Tally = Counter()

    def add(metric: str, groups: Iterable[str | None], upper: int, lower: int = 1) -> None:
        for group in groups:
            if group:
                tally[metric, group, 0] += upper
                tally[metric, group, 1] += lower

    for judgement in judgements:
        gold, mention = judgement.gold, judgement.given.mention if judgement.given else None
        if gold.kind == "none":
            add("no speech, no speaker", ["all"], judgement.verdict is Verdict.NOBODY)
            continue
        for metric, verdicts in _SHARES.items():
            add(metric, ["all", judgement.band, gold.kind], judgement.verdict in verdicts)
        if gold.kind == "person":
            add("full name", ["person"], judgement.verdict is Verdict.RIGHT)
        if gold.mentions:
            right = [m for m in gold.mentions if mention is not None and mention.overlaps(Span(*m))]
            add("mention", ["all", judgement.band], bool(right))
        groups = ["all", judgement.band if banded else None]
        add("detection recall", groups, judgement.detected)
        add("detection precision", groups, judgement.detected, judgement.detected)
        add("detection F1", groups, 2 * judgement.detected, 1 + judgement.detected)
    for quote in rest:
        for metric in ("detection precision", "detection F1"):
            add(metric, ["all", band_of(quote.text) if banded else None], 0)
    return tally


def _figures(articles: Sequence[_Tally]) -> list[Figure]:
    total = sum(articles, _Tally())  # without the sums that are 0
    keys = [(metric, group) for metric, group, part in total if part]
    upper, lower = (np.array([[a[m, g, part] for m, g in keys] for a in articles]) for part in (0, 1))
    low, high = bootstrap(upper, lower).tolist()
    rows = zip(keys, low, high, strict=True)
    return [Figure(*key, total[*key, 1], total[*key, 0] / total[*key, 1], *bounds) for key, *bounds in rows]


def error_rows(judgements: Iterable[Judgement]) -> Iterator[Sequence[str]]:
    """A header, then a row for each quotation that is not wholly right, in words that an editor can read."""
    yield "doc", "words", "gold", "given", "verdict"
    for judgement in judgements:
        gold, given = judgement.gold, judgement.given
        if judgement.verdict not in ("right", "nobody"):
            words = f"“{one_line(judgement.words)}”" if judgement.words else f"characters {gold.start} to {gold.end}"
            cells = [gold.doc, words, gold.who or "", (given and given.name) or "", judgement.verdict.value]
            yield [harmless(cell) for cell in cells]
