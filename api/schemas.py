"""What goes in and out over HTTP. The answer has exactly the shape of `quotes.exports.to_dict`; a test keeps it so."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, model_validator

from quotes.document import QuotationKind, SpeakerKind, StanceLabel
from quotes.errors import InputError
from quotes.reading import check_characters
from quotes.settings import LARGEST_SET

_MOST_NAMES = 1000  # in an object


def _encodable(text: str) -> str:
    try:
        check_characters(text)
    except InputError as error:
        raise ValueError(str(error)) from None
    return text


Text = Annotated[str, AfterValidator(_encodable)]

# No control characters, and not the one that stands for what was not UTF-8.
ARTICLE_ID: dict[str, Any] = {
    "minLength": 1,
    "maxLength": 256,
    "pattern": r"^[^\u0000-\u001f\u007f-\u009f\ufffd]+$",
}


def _sane_id(id: str) -> str:
    if len(id) > ARTICLE_ID["maxLength"] or not re.fullmatch(ARTICLE_ID["pattern"], id):
        longest = ARTICLE_ID["maxLength"]
        raise ValueError(f"an identifier has 1 to {longest} characters, none of them a control character, in UTF-8")
    if id in (".", ".."):
        raise ValueError("“.” and “..” are directions in a path, and cannot be identifiers")
    return id


ArticleId = Annotated[Text, AfterValidator(_sane_id), Field(json_schema_extra=ARTICLE_ID)]


def _few(value: Any) -> Any:
    """Refuse an object with thousands of names at once: that each of them is wrong would take minutes to tell."""
    if isinstance(value, dict) and len(value) > _MOST_NAMES:
        raise ValueError(f"there are {len(value):,} names in the object; no more than {_MOST_NAMES:,} are read")
    return value


class Exact(BaseModel):
    """Neither more fields than these nor fewer."""

    model_config = ConfigDict(extra="forbid")

    few_names = model_validator(mode="before")(_few)


def _writable(item: dict[str, Any]) -> dict[str, Any]:
    """Refuse an item that could not be stored: with NUL or a lone surrogate somewhere, or nested deeper than any is."""
    level: list[Any] = [item]
    for _ in range(_DEEPEST_ITEM):
        objects = [value for value in level if isinstance(value, dict)]
        for value in [*level, *(name for each in objects for name in each)]:
            if isinstance(value, str):
                _encodable(value)
        level = [
            *(value for each in objects for value in each.values()),
            *(value for array in level if isinstance(array, list) for value in array),
        ]
        if not level:
            return item
    raise ValueError(f"the item is nested deeper than {_DEEPEST_ITEM} objects and arrays")


_DEEPEST_ITEM = 50

Ninjs = Annotated[dict[str, Any], AfterValidator(_writable)]


def _exactly_one(schema: dict[str, Any]) -> None:
    """Say in JSON Schema what `ArticleRequest.exactly_one` checks."""
    types = {"text": "string", "html": "string", "ninjs": "object"}
    schema["oneOf"] = [
        {
            "required": [given],
            "properties": {name: {"type": types[name] if name == given else "null"} for name in types},
        }
        for given in types
    ]


class ArticleRequest(Exact):
    """What an article says: its `text`, its `html` or a `ninjs` item, and what the caller wants to find again."""

    model_config = ConfigDict(json_schema_extra=_exactly_one)

    text: Text | None = Field(default=None, description="The article as plain text. Paragraphs end with a line break.")
    html: Text | None = Field(
        default=None,
        description="The article as HTML, a fragment or a page. It is parsed, not rendered; nothing in it is fetched.",
    )
    ninjs: Ninjs | None = Field(
        default=None,
        description="The article as an item of IPTC's ninjs 1.x, 2.x or 3.x. Read are its body (`body_html`, `body_text`, "
        "`bodies`; HTML before plain text), its headline and its `uri`, where title, url and id are not given.",
    )
    title: Text | None = Field(default=None, description="Its headline; not analysed.")
    url: Text | None = Field(default=None, description="Where it is published; never fetched.")

    @model_validator(mode="after")
    def exactly_one(self) -> Self:
        """Refuse several and none."""
        if sum(given is not None for given in (self.text, self.html, self.ninjs)) != 1:
            raise ValueError("give exactly one of text, html and ninjs")
        return self

    @property
    def given(self) -> str:
        """The field that has the article."""
        return "text" if self.text is not None else "html" if self.html is not None else "ninjs"


class AnalysisRequest(ArticleRequest):
    """An article, with the caller's own identifier where it has one."""

    id: Text | None = Field(default=None, description="The caller's own identifier.")


class Passage(Exact):
    """A stretch of the article. All ends are exclusive."""

    text: str = Field(description="What stands there.")
    start: int = Field(description="Offset in the article's text, in Unicode code points.")
    end: int = Field(description="Offset in the article's text, in Unicode code points.")
    utf16_start: int = Field(description="Offset in the article's text, in UTF-16 code units, as JavaScript counts.")
    utf16_end: int = Field(description="Offset in the article's text, in UTF-16 code units, as JavaScript counts.")
    source_start: int | None = Field(description="Offset in the HTML that was sent, in code points; null for text.")
    source_end: int | None = Field(description="Offset in the HTML that was sent, in code points; null for text.")


class TextQuoteSelector(Exact):
    """Of the W3C Web Annotation model: the words, and up to 32 code points before and after them.

    For HTML they are those of the `textContent` of its body, or of the element whose content the fragment becomes, wherever
    `range` is known.
    """

    type: Literal["TextQuoteSelector"]
    exact: str
    prefix: str
    suffix: str


class TextPositionSelector(Exact):
    """Of the W3C Web Annotation model: code points of the text, for HTML of the same `textContent`."""

    type: Literal["TextPositionSelector"]
    start: int
    end: int


class Point(Exact):
    """A place in a text node of the DOM."""

    path: str = Field(
        description="XPath to the text node: from the document where it begins with “/” (a page was sent), else from the "
        "element whose content the fragment becomes."
    )
    offset: int = Field(description="Offset in the node, in Unicode code points.")
    utf16_offset: int = Field(description="Offset in the node, in UTF-16 code units, as DOM ranges count.")


class Range(Exact):
    """A range of the DOM that a browser makes of the HTML."""

    start: Point
    end: Point


class Selectors(Exact):
    """Ways to find a span again."""

    quote: TextQuoteSelector
    position: TextPositionSelector | None = Field(
        description="Null for HTML where it is not certain, or not the same with and without scripts (<noscript>)."
    )
    range: Range | None = Field(description="Null for text, and for HTML where it is not certain.")


class QuotedPassage(Passage):
    """A span of a quotation."""

    selectors: Selectors


class Speaker(Exact):
    """Who is quoted, and how that is known."""

    name: str | None = Field(
        description="The fullest name that the article gives, or the people file's; null when unresolved."
    )
    identifier: str | None = Field(description="Of the people file, where that has pinned the speaker and has one.")
    kind: SpeakerKind | None
    confidence: float = Field(ge=0, le=1)
    unresolved: str | None = Field(description="Why there is no name.")
    mention: Passage | None = Field(description="Where the article names the speaker of this quotation.")
    cue: Passage | None = Field(description="The words that report: “said”, “according to”.")
    relayed_by: list[Passage] = Field(
        description="Where the article names those who pass the words on, the nearest first: X, in “X said that Y called it …”."
    )
    rule: str = Field(description="A stable identifier of what decided.")
    explanation: str = Field(description="The same in one sentence.")


class Reason(Passage):
    """Words that pushed the classifier toward (positive weight) or away from (negative) its answer."""

    weight: float


class Stance(Exact):
    """The stance toward a ceasefire."""

    label: StanceLabel
    probability: float = Field(ge=0, le=1, description="Of the label.")
    uncertain: bool = Field(description="The probability is too low to go by: read the runner-up too.")
    runner_up: StanceLabel = Field(description="The likeliest of the other labels.")
    probabilities: dict[StanceLabel, float] = Field(description="Of every label; they sum to 1.")
    reasons: list[Reason]


class Quotation(Exact):
    """A direct quotation."""

    text: str = Field(description="The quoted words; the spans joined by blanks.")
    kind: QuotationKind
    spans: list[QuotedPassage] = Field(
        min_length=1, description="Without the marks. Several where it is interrupted or runs over paragraphs."
    )
    speaker: Speaker | None = Field(description="Null for what is not speech.")
    stance: Stance | None = Field(description="Null for what is not speech.")


class Diagnostic(Passage):
    """Something odd in the article."""

    code: str
    message: str


class Article(Exact):
    """The article, as the caller named it."""

    id: str | None
    title: str | None
    url: str | None
    text: str | None = Field(description="The text extracted from HTML, in which offsets count; null for plain text.")
    body: str | None = Field(description="JSON pointer to the body that was read of a ninjs item, else null.")


class Analysis(Exact):
    """What was found in an article."""

    article: Article
    models: dict[str, str] = Field(description="The version of each model that decided.")
    quotations: list[Quotation]
    diagnostics: list[Diagnostic]


class StanceRequest(Exact):
    """A quotation that the caller has found, and its context."""

    quotation: Text = Field(description="The quoted words, without their marks.")
    context: Text | None = Field(
        default=None,
        description="The sentences that carry it, with the reporter's words; the quotation alone where there are none.",
    )
    id: Text | None = Field(default=None, description="The caller's own identifier.")


class QuotationStance(Exact):
    """A quotation's stance, with passages of its context: offsets count there."""

    id: str | None
    spans: list[Passage] = Field(
        min_length=1, description="Where the quotation stands in its context. Several where it is interrupted."
    )
    stance: Stance
    models: dict[str, str] = Field(description="The version of each model that decided.")


class Model(Exact):
    """A model in use."""

    name: str
    version: str = Field(description="Of all its files: equal exactly when they are.")
    licence: str
    files: dict[str, str] = Field(description="The sha256 of each, checked when they were loaded.")
    versions: dict[str, str] = Field(description="Of the libraries that it was made with.")
    scores: dict[str, Any] = Field(description="Measured when it was made; its card explains them.")


class Models(Exact):
    """The models in use, by name."""

    models: list[Model]


class ArticleVersion(Exact):
    """A version of a stored article."""

    version: str = Field(description="A digest of all that decides the analysis; its entity tag.")
    url: str = Field(description="Where its analysis is.")
    content: str = Field(description="A digest of what was sent: equal exactly when that was the same.")
    models: dict[str, str] = Field(description="The version of each model that decided.")
    created: datetime = Field(description="When it was stored.")
    received: datetime = Field(description="When it was sent, the last time.")


class ArticleVersions(Exact):
    """All versions of a stored article."""

    versions: list[ArticleVersion] = Field(description="The current one first.")


class EvaluationRow(Exact):
    """A labelled quotation, and what a system answered."""

    quote: Text = Field(description="The words of the quotation.")
    label: Text = Field(description="Its stance: support, oppose, conditional, none, or a label that `map` knows.")
    context: Text | None = Field(
        default=None,
        description="The sentences that carry it, with the reporter's words; the quotation alone where there are none.",
    )
    id: Text | None = Field(default=None, description="The caller's own identifier.")
    group: Text | None = Field(
        default=None, description="Rows of one group belong together (an article, say); intervals are over groups."
    )
    prediction: Text | None = Field(
        default=None, description="What a system answered: in all rows or in none, where the classifier here answers."
    )
    probabilities: Annotated[dict[Text, float], BeforeValidator(_few)] | None = Field(
        default=None, description="Of each label, by the system that answered: in all rows or in none."
    )


class EvaluationRequest(Exact):
    """A test set."""

    rows: Annotated[list[EvaluationRow], FailFast()] = Field(min_length=1, max_length=LARGEST_SET)
    map: Annotated[dict[Text, StanceLabel], BeforeValidator(_few)] = Field(
        default_factory=dict, description="What labels other than the four mean, of rows and of predictions."
    )
    seed: int | None = Field(
        default=None, ge=0, lt=2**53, description="Of the draws for intervals; the same seed gives the same answer."
    )


class Health(Exact):
    """The service's state."""

    status: str


class ProblemError(Exact):
    """One thing that is wrong."""

    pointer: str = Field(description="Where in the body: a JSON pointer as a URI fragment, “#” for the whole of it.")
    detail: str


class Problem(Exact):
    """Problem details (RFC 9457)."""

    type: str = Field(description="The kind of problem: a URN that never changes.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="As in the X-Request-Id header of the answer, and in the service's log.")
    errors: list[ProblemError]
