"""What goes through the product: an article, the quotations in it, who said them, and which stance they take.

All types are frozen. Offsets are Unicode code points into `Article.text` as it was received, end exclusive: for every span
of a quotation `article.text[span.start:span.end]` is what was quoted, without its quotation marks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class QuotationKind(StrEnum):
    """How much is quoted, and whether it was said at all."""

    FULL = "full"  # a sentence or more
    PARTIAL = "partial"  # words inside the reporter's own sentence
    NOT_SPEECH = "not_speech"  # a title, a nickname, a term, a scare quote


class SpeakerKind(StrEnum):
    """What sort of speaker it is."""

    PERSON = "person"
    ORGANISATION = "organisation"
    DOCUMENT = "document"  # "the resolution calls for …"
    GROUP = "group"  # "aid groups", "protesters"
    UNNAMED = "unnamed"  # "a nurse", "one resident"


class StanceLabel(StrEnum):
    """The stance of a quotation, in its context, toward a ceasefire (see seeds/stance/guidelines.md)."""

    SUPPORT = "support"
    OPPOSE = "oppose"
    CONDITIONAL = "conditional"
    NONE = "none"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A stretch of text: code points from `start` up to, not including, `end`."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"a span must have 0 <= start <= end, not {self.start}..{self.end}")

    def __len__(self) -> int:
        return self.end - self.start

    def of(self, text: str) -> str:
        """The words that this span covers in `text`."""
        return text[self.start : self.end]

    def overlaps(self, other: "Span") -> bool:
        """Whether the two share a code point."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Span") -> bool:
        """Whether `other` lies wholly inside."""
        return self.start <= other.start and other.end <= self.end


@dataclass(frozen=True, slots=True)
class Article:
    """An article as it was received.

    `text` is what offsets count in. Where the article came as HTML, `source` is that HTML and `source_offsets` gives, for
    each code point of `text`, the offset in `source` that it came from (a blank that stands for a tag has the tag's), and
    `blockquotes` the stretches of `text` that it sets off as quotations without needing marks. Where it came in a ninjs item,
    `body` is the JSON pointer to the text or HTML that was read of it.
    """

    text: str
    title: str | None = None
    url: str | None = None
    id: str | None = None
    source: str | None = None
    source_offsets: tuple[int, ...] | None = None
    blockquotes: tuple[Span, ...] = ()
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """How the speaker is known: where the text names the speaker, the word that reports, and what decided."""

    mention: Span | None  # "she", "Kirby", "the resolution"
    cue: Span | None  # "said", "according to", "statement"
    rule: str  # short stable identifier of what decided: "cue_subject", "same_speaker", …
    explanation: str  # one sentence in plain English
    relayed_by: tuple[Span, ...] = ()  # who passes the words on, the nearest first: X, in “X said that Y called it …”


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks. `name` is the fullest name the article gives, or None with the reason in `unresolved`.

    Where a people file has pinned the speaker, `name` is the file's, and `identifier` too where it has one.
    """

    name: str | None
    kind: SpeakerKind | None
    confidence: float  # 0..1
    evidence: Evidence
    unresolved: str | None = None
    identifier: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Words of the article that pushed a classifier toward (positive weight) or away from (negative) its answer."""

    span: Span
    weight: float


@dataclass(frozen=True, slots=True)
class Stance:
    """The label of a quotation, the probability of every label (they sum to 1), and the words behind the answer.

    An answer is `uncertain` where its probability is less than the classifier asks for: then read the `runner_up` too.
    """

    label: str  # a StanceLabel, unless the classifier was trained for another target
    probabilities: Mapping[str, float]
    reasons: tuple[Reason, ...] = ()
    uncertain: bool = False

    @property
    def probability(self) -> float:
        """The probability of the label that was given."""
        return self.probabilities[self.label]

    @property
    def runner_up(self) -> str:
        """The likeliest of the other labels; the label itself where it is the only one."""
        others = [label for label in self.probabilities if label != self.label]
        return max(others, key=lambda label: self.probabilities[label], default=self.label)


@dataclass(frozen=True, slots=True)
class Quotation:
    """A direct quotation: one span, or several where it is interrupted or runs over paragraphs.

    `speaker` and `stance` are None until those steps have run, and stay None for what is not speech.
    """

    spans: tuple[Span, ...]
    kind: QuotationKind
    speaker: Speaker | None = None
    stance: Stance | None = None

    @property
    def start(self) -> int:
        """Where its first span begins."""
        return self.spans[0].start

    @property
    def end(self) -> int:
        """Where its last span ends."""
        return self.spans[-1].end

    def text(self, article: Article) -> str:
        """The quoted words, spans joined by a blank."""
        return " ".join(span.of(article.text) for span in self.spans)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """Something odd in the article that a reader should know of: an unclosed mark, say."""

    code: str
    message: str
    span: Span


@dataclass(frozen=True, slots=True)
class Analysis:
    """What was found in an article. `models` names the artefacts that decided, with their versions."""

    article: Article
    quotations: tuple[Quotation, ...]
    diagnostics: tuple[Diagnostic, ...] = ()
    models: Mapping[str, str] = field(default_factory=dict)
