"""Many articles at once, analysed when there is time."""

import json
import time
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any
from uuid import uuid4

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, RowMapping

from api import batch_schemas, batches, errors, schemas
from api.batches import Entry
from api.database import Database, database_of
from api.errors import (
    BODY_TOO_LARGE,
    DATABASE_UNUSABLE,
    INTERNAL,
    INVALID,
    MALFORMED,
    NOT_FOUND,
    NOT_JSON,
    TOO_MANY_ARTICLES,
    WEBHOOK_REFUSED,
    WEBHOOKS_OFF,
    Problem,
    documented,
)
from api.idempotency import PROBLEMS, claim_key, claim_of
from api.moments import moment
from api.routes.analyses import json_only
from api.runner import Runner
from api.webhooks.deliverer import Deliverer
from api.webhooks.queue import delivery_of

PATH = "/v1/batches"
LIMIT = 100  # articles on a page, unless another number is asked for
MOST = 1000

router = APIRouter(prefix=PATH, tags=["batches"])

_ID: TypeAdapter[str] = TypeAdapter(schemas.ArticleId)


@router.post(
    "",
    operation_id="createBatch",
    summary="Analyse many articles when there is time",
    dependencies=[Depends(json_only), Depends(claim_key)],
    status_code=202,
    response_model=batch_schemas.Batch,
    responses={
        202: {
            "description": "The batch is stored, and will be analysed whatever happens to the service.",
            "headers": {"Location": {"description": "Where the batch is.", "schema": {"type": "string"}}},
        },
        **documented(
            MALFORMED,
            WEBHOOKS_OFF,
            BODY_TOO_LARGE,
            TOO_MANY_ARTICLES,
            NOT_JSON,
            INVALID,
            WEBHOOK_REFUSED,
            INTERNAL,
            DATABASE_UNUSABLE,
            *PROBLEMS,
        ),
    },
)
async def create(
    asked: batch_schemas.BatchRequest,
    request: Request,
    database: Annotated[Database, Depends(database_of)],
) -> Response:
    """An article that cannot be used fails alone, with a problem of its own.

    The analysis of an article that has an `id` is also stored as `PUT /v1/articles/{id}` stores it.
    """
    received = time.time_ns()
    most: int = request.app.state.settings.max_batch
    if len(asked.articles) > most:
        detail = f"there are {len(asked.articles):,} articles, more than the {most:,} allowed; send several batches"
        raise Problem(TOO_MANY_ARTICLES, detail, [("#/articles", detail)])
    deliverer: Deliverer = request.app.state.deliverer
    webhook_url = None if asked.webhook_url is None else str(asked.webhook_url)
    if webhook_url is not None:
        await deliverer.require(webhook_url)
    batch = uuid4().hex
    request_id: str = request.state.request_id
    claim = claim_of(request)

    def stored(connection: Connection) -> Response:
        entries = _entries(asked, f"{PATH}/{batch}", request_id)
        batches.add(batch, entries, request_id, received, webhook_url, connection)
        response = _answer(batch, 0, 0, request, connection)
        response.status_code = 202
        response.headers["Location"] = f"{PATH}/{batch}"
        if claim is not None:
            claim.store(connection, response.status_code, response.raw_headers, bytes(response.body))
        return response

    response = await database.write(stored)
    runner: Runner = request.app.state.runner
    runner.wake()
    return response


@router.get(
    "/{id}",
    operation_id="getBatch",
    summary="How far a batch is, and what has been found",
    response_model=batch_schemas.Batch,
    responses=documented(NOT_FOUND, INVALID, INTERNAL, DATABASE_UNUSABLE),
)
async def get(
    id: str,
    request: Request,
    database: Annotated[Database, Depends(database_of)],
    offset: Annotated[int, Query(ge=0, lt=2**31, description="The position of the first article on the page.")] = 0,
    limit: Annotated[
        int, Query(ge=0, le=MOST, description="How many articles are on the page; 0 to see the progress alone.")
    ] = LIMIT,
) -> Response:
    """What is analysed is there at once; the articles that wait are listed too."""
    return await database.read(partial(_answer, id, offset, limit, request))


@router.delete(
    "/{id}",
    operation_id="deleteBatch",
    summary="Forget a batch, and do not analyse what waits in it",
    status_code=204,
    responses=documented(NOT_FOUND, INTERNAL, DATABASE_UNUSABLE),
)
async def delete(id: str, database: Annotated[Database, Depends(database_of)]) -> None:
    """What has been stored under `/v1/articles` stays there. No webhook is called any more."""
    if not await database.write(partial(batches.remove, id)):
        raise _no_batch(id)


def _entries(asked: batch_schemas.BatchRequest, path: str, request_id: str) -> Iterator[Entry]:
    """The articles of a new batch; what is no article gets its problem."""
    for position, article in enumerate(asked.articles):
        if isinstance(article, batch_schemas.BatchArticle):
            yield Entry(article.id, body=article.model_dump_json(exclude_none=True))
            continue
        try:
            batch_schemas.BatchArticle.model_validate(article)
        except ValidationError as error:
            problem = errors.invalid(error.errors(), within=("articles", position))
            yield Entry(_id(article), problem=errors.told(problem, path, request_id))


def _id(article: Any) -> str | None:
    """The identifier of an article that cannot be used, where at least that can."""
    try:
        return _ID.validate_python(article.get("id") if isinstance(article, dict) else None)
    except ValidationError:
        return None


def _answer(id: str, offset: int, limit: int, request: Request, connection: Connection) -> Response:
    """The answer that carries a batch and a page of it. Raises Problem (404)."""
    if (batch := batches.progress(id, connection)) is None:
        raise _no_batch(id)
    finished: int | None = batch["finished"]
    days: int = request.app.state.settings.batch_days
    end = offset + limit
    more = f"{PATH}/{id}?offset={end}&limit={limit or LIMIT}" if end < batch["total"] else None
    head = batch_schemas.Batch(
        id=id,
        state="running" if finished is None else "completed",
        created=moment(batch["created"]),
        completed=None if finished is None else moment(finished),
        expires=None if finished is None else moment(finished + days * 86_400 * 10**9),
        progress=batch_schemas.BatchProgress(
            total=batch["total"],
            waiting=batch["total"] - batch["succeeded"] - batch["failed"],
            succeeded=batch["succeeded"],
            failed=batch["failed"],
        ),
        webhook=delivery_of(id, connection),
        items=[],
        next=more,
    )
    # Analyses are stored as the JSON that goes out: reading them only to write them again would take most of the time.
    listed = ",".join(map(_item, batches.page(id, offset, limit, connection)))
    content = head.model_dump_json(exclude={"items"}).removesuffix("}") + f',"items":[{listed}]}}'
    return Response(content, media_type="application/json", headers={"Cache-Control": "private, no-cache"})


def _item(row: RowMapping) -> str:
    analysis, problem = row["analysis"], row["problem"]
    state = "failed" if problem else "succeeded" if analysis else "waiting"
    head = json.dumps({"position": row["position"], "id": row["article"], "state": state})
    return head.removesuffix("}") + f',"analysis":{analysis or "null"},"problem":{problem or "null"}}}'


def _no_batch(id: str) -> Problem:
    return Problem(NOT_FOUND, f"there is no batch {id}; it may have expired or been deleted")
