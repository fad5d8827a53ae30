"""What goes in and out over HTTP. The answer has exactly the shape of `quotes.exports.to_dict`; a test keeps it so."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, FailFast, Field, HttpUrl, model_validator

from quotes.document import QuotationKind, SpeakerKind, StanceLabel
from quotes.errors import InputError
from quotes.reading import check_characters
from quotes.settings import LARGEST_BATCH, LARGEST_SET

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


class _Exact(BaseModel):
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


class ArticleRequest(_Exact):
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


class Passage(_Exact):
    """A stretch of the article. All ends are exclusive."""

    text: str = Field(description="What stands there.")
    start: int = Field(description="Offset in the article's text, in Unicode code points.")
    end: int = Field(description="Offset in the article's text, in Unicode code points.")
    utf16_start: int = Field(description="Offset in the article's text, in UTF-16 code units, as JavaScript counts.")
    utf16_end: int = Field(description="Offset in the article's text, in UTF-16 code units, as JavaScript counts.")
    source_start: int | None = Field(description="Offset in the HTML that was sent, in code points; null for text.")
    source_end: int | None = Field(description="Offset in the HTML that was sent, in code points; null for text.")


class TextQuoteSelector(_Exact):
    """Of the W3C Web Annotation model: the words, and up to 32 code points before and after them.

    For HTML they are those of the `textContent` of its body, or of the element whose content the fragment becomes, wherever
    `range` is known.
    """

    type: Literal["TextQuoteSelector"]
    exact: str
    prefix: str
    suffix: str


class TextPositionSelector(_Exact):
    """Of the W3C Web Annotation model: code points of the text, for HTML of the same `textContent`."""

    type: Literal["TextPositionSelector"]
    start: int
    end: int


class Point(_Exact):
    """A place in a text node of the DOM."""

    path: str = Field(
        description="XPath to the text node: from the document where it begins with “/” (a page was sent), else from the "
        "element whose content the fragment becomes."
    )
    offset: int = Field(description="Offset in the node, in Unicode code points.")
    utf16_offset: int = Field(description="Offset in the node, in UTF-16 code units, as DOM ranges count.")


class Range(_Exact):
    """A range of the DOM that a browser makes of the HTML."""

    start: Point
    end: Point


class Selectors(_Exact):
    """Ways to find a span again."""

    quote: TextQuoteSelector
    position: TextPositionSelector | None = Field(
        description="Null for HTML where it is not certain, or not the same with and without scripts (<noscript>)."
    )
    range: Range | None = Field(description="Null for text, and for HTML where it is not certain.")


class QuotedPassage(Passage):
    """A span of a quotation."""

    selectors: Selectors


class Speaker(_Exact):
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


class Stance(_Exact):
    """The stance toward a ceasefire."""

    label: StanceLabel
    probability: float = Field(ge=0, le=1, description="Of the label.")
    uncertain: bool = Field(description="The probability is too low to go by: read the runner-up too.")
    runner_up: StanceLabel = Field(description="The likeliest of the other labels.")
    probabilities: dict[StanceLabel, float] = Field(description="Of every label; they sum to 1.")
    reasons: list[Reason]


class Quotation(_Exact):
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


class Article(_Exact):
    """The article, as the caller named it."""

    id: str | None
    title: str | None
    url: str | None
    text: str | None = Field(description="The text extracted from HTML, in which offsets count; null for plain text.")
    body: str | None = Field(description="JSON pointer to the body that was read of a ninjs item, else null.")


class Analysis(_Exact):
    """What was found in an article."""

    article: Article
    models: dict[str, str] = Field(description="The version of each model that decided.")
    quotations: list[Quotation]
    diagnostics: list[Diagnostic]


class StanceRequest(_Exact):
    """A quotation that the caller has found, and its context."""

    quotation: Text = Field(description="The quoted words, without their marks.")
    context: Text | None = Field(
        default=None,
        description="The sentences that carry it, with the reporter's words; the quotation alone where there are none.",
    )
    id: Text | None = Field(default=None, description="The caller's own identifier.")


class QuotationStance(_Exact):
    """A quotation's stance, with passages of its context: offsets count there."""

    id: str | None
    spans: list[Passage] = Field(
        min_length=1, description="Where the quotation stands in its context. Several where it is interrupted."
    )
    stance: Stance
    models: dict[str, str] = Field(description="The version of each model that decided.")


class Model(_Exact):
    """A model in use."""

    name: str
    version: str = Field(description="Of all its files: equal exactly when they are.")
    licence: str
    files: dict[str, str] = Field(description="The sha256 of each, checked when they were loaded.")
    versions: dict[str, str] = Field(description="Of the libraries that it was made with.")
    scores: dict[str, Any] = Field(description="Measured when it was made; its card explains them.")


class Models(_Exact):
    """The models in use, by name."""

    models: list[Model]


class ArticleVersion(_Exact):
    """A version of a stored article."""

    version: str = Field(description="A digest of all that decides the analysis; its entity tag.")
    url: str = Field(description="Where its analysis is.")
    content: str = Field(description="A digest of what was sent: equal exactly when that was the same.")
    models: dict[str, str] = Field(description="The version of each model that decided.")
    created: datetime = Field(description="When it was stored.")
    received: datetime = Field(description="When it was sent, the last time.")


class ArticleVersions(_Exact):
    """All versions of a stored article."""

    versions: list[ArticleVersion] = Field(description="The current one first.")


class EvaluationRow(_Exact):
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


class EvaluationRequest(_Exact):
    """A test set."""

    rows: Annotated[list[EvaluationRow], FailFast()] = Field(min_length=1, max_length=LARGEST_SET)
    map: Annotated[dict[Text, StanceLabel], BeforeValidator(_few)] = Field(
        default_factory=dict, description="What labels other than the four mean, of rows and of predictions."
    )
    seed: int | None = Field(
        default=None, ge=0, lt=2**53, description="Of the draws for intervals; the same seed gives the same answer."
    )


def _without_credentials(url: HttpUrl) -> HttpUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("a user name and a password in a URL are not sent; put what is secret into its path or query")
    return url


WebhookUrl = Annotated[HttpUrl, AfterValidator(_without_credentials)]


class Delivery(_Exact):
    """How far the delivery of a batch's end to its webhook is."""

    id: str = Field(description="The message's `webhook-id`.")
    state: Literal["pending", "failing", "delivered", "failed", "disabled"] = Field(
        description="Not tried yet; to be tried again; answered with a success; given up; gone (410), not to be tried again."
    )
    attempts: int
    last_attempt: datetime | None
    last_status: int | None = Field(description="Of the answer to the last attempt, if there was one.")
    last_error: str | None = Field(description="Why the last attempt had no answer.")
    next_attempt: datetime | None


class BatchArticle(ArticleRequest):
    """An article of a batch."""

    id: ArticleId | None = Field(
        default=None,
        description="The caller's own identifier: the analysis is then stored as `PUT /v1/articles/{id}` stores it.",
    )


class BatchRequest(_Exact):
    """Articles to analyse when there is time. One that cannot be used does not keep the others from it."""

    articles: list[Annotated[BatchArticle | Any, Field(union_mode="left_to_right")]] = Field(
        min_length=1, max_length=LARGEST_BATCH
    )
    webhook_url: WebhookUrl | None = Field(
        default=None, description="Where the completion of the batch is told (docs/webhooks.md)."
    )


class BatchProgress(_Exact):
    """How many articles of a batch there are."""

    total: int
    waiting: int = Field(description="Or being analysed just now.")
    succeeded: int
    failed: int


class BatchItem(_Exact):
    """An article of a batch."""

    position: int = Field(description="In the batch, from 0.")
    id: str | None
    state: Literal["waiting", "succeeded", "failed"]
    analysis: Analysis | None = Field(description="Once it has succeeded.")
    problem: "Problem | None" = Field(description="Why it has failed.")


class Batch(_Exact):
    """A batch: how far it is, and a page of its articles."""

    id: str
    state: Literal["running", "completed"]
    created: datetime
    completed: datetime | None
    expires: datetime | None = Field(description="When it is forgotten.")
    progress: BatchProgress
    webhook: Delivery | None = Field(description="How far the delivery to its webhook is; null before it is completed.")
    items: list[BatchItem] = Field(description="In the order of the articles, those that wait included.")
    next: str | None = Field(description="Where the next page is; null on the last.")


class CompletedBatch(_Exact):
    """A batch that has been completed."""

    id: str
    url: str = Field(description="Where it can be had: a path on the service.")
    total: int = Field(description="Its articles.")
    succeeded: int
    failed: int


class BatchCompleted(_Exact):
    """The event that a webhook gets once a batch is completed."""

    type: Literal["batch.completed"]
    timestamp: datetime = Field(description="When it was completed.")
    data: CompletedBatch


class Health(_Exact):
    """The service's state."""

    status: str


class ProblemError(_Exact):
    """One thing that is wrong."""

    pointer: str = Field(description="Where in the body: a JSON pointer as a URI fragment, “#” for the whole of it.")
    detail: str


class Problem(_Exact):
    """Problem details (RFC 9457)."""

    type: str = Field(description="The kind of problem: a URN that never changes.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The path that was asked for.")
    request_id: str = Field(description="As in the X-Request-Id header of the answer, and in the service's log.")
    errors: list[ProblemError]
