"""What goes in and out over HTTP where many articles are analysed at once, and what a webhook is told of it."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, HttpUrl

from api.schemas import Analysis, ArticleId, ArticleRequest, Exact, Problem
from quotes.settings import LARGEST_BATCH


def _without_credentials(url: HttpUrl) -> HttpUrl:
    if url.username is not None or url.password is not None:
        raise ValueError("a user name and a password in a URL are not sent; put what is secret into its path or query")
    return url


WebhookUrl = Annotated[HttpUrl, AfterValidator(_without_credentials)]


class Delivery(Exact):
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


class BatchRequest(Exact):
    """Articles to analyse when there is time. One that cannot be used does not keep the others from it."""

    articles: list[Annotated[BatchArticle | Any, Field(union_mode="left_to_right")]] = Field(
        min_length=1, max_length=LARGEST_BATCH
    )
    webhook_url: WebhookUrl | None = Field(
        default=None, description="Where the completion of the batch is told (docs/webhooks.md)."
    )


class BatchProgress(Exact):
    """How many articles of a batch there are."""

    total: int
    waiting: int = Field(description="Or being analysed just now.")
    succeeded: int
    failed: int


class BatchItem(Exact):
    """An article of a batch."""

    position: int = Field(description="In the batch, from 0.")
    id: str | None
    state: Literal["waiting", "succeeded", "failed"]
    analysis: Analysis | None = Field(description="Once it has succeeded.")
    problem: "Problem | None" = Field(description="Why it has failed.")


class Batch(Exact):
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


class CompletedBatch(Exact):
    """A batch that has been completed."""

    id: str
    url: str = Field(description="Where it can be had: a path on the service.")
    total: int = Field(description="Its articles.")
    succeeded: int
    failed: int


class BatchCompleted(Exact):
    """The event that a webhook gets once a batch is completed."""

    type: Literal["batch.completed"]
    timestamp: datetime = Field(description="When it was completed.")
    data: CompletedBatch
