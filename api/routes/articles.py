"""Stored analyses, by the caller's own identifiers."""

import json
import time
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Connection

from api import articles, schemas
from api.answers import DOCUMENTED, Form, answer, form_accepted
from api.articles import Stored, Storing
from api.conditions import Conditions, conditions, entity_tag, known_tags
from api.database import Database, database_of
from api.errors import (
    ARTICLE_TOO_DEEP,
    ARTICLE_TOO_LONG,
    BAD_ARTICLE_ID,
    BODY_TOO_LARGE,
    DATABASE_UNUSABLE,
    EMPTY_ARTICLE,
    INTERNAL,
    INVALID,
    MALFORMED,
    NOT_ACCEPTABLE,
    NOT_FOUND,
    NOT_JSON,
    OF_WORKERS,
    PRECONDITION_FAILED,
    UNREADABLE_ARTICLE,
    Problem,
    documented,
    refusal,
)
from api.jobs import Outcome
from api.moments import moment
from api.paths import article_id, article_path
from api.routes.analyses import json_only
from api.workers import WorkersForClient, workers_of
from quotes.errors import InputError

KEPT = "Quotes-Analysis"  # the header that says whether the analysis of a PUT is new, or kept from an earlier one

router = APIRouter(prefix="/v1/articles/{id}", tags=["articles"])

_HEADERS = {
    "ETag": {"description": "Names the version.", "schema": {"type": "string"}},
    KEPT: {
        "description": "`new`, or `kept` where the same content had been analysed by the same models.",
        "schema": {"enum": ["new", "kept"]},
    },
}
_NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "The client has the current version.", "content": {}}
}


@router.put(
    "",
    operation_id="putArticle",
    summary="Analyse an article and store the analysis",
    dependencies=[Depends(json_only)],
    response_model=schemas.Analysis,
    responses={
        200: {**DOCUMENTED, "headers": _HEADERS},
        201: {**DOCUMENTED, "model": schemas.Analysis, "headers": {**_HEADERS}},
        **documented(
            MALFORMED,
            NOT_ACCEPTABLE,
            PRECONDITION_FAILED,
            BODY_TOO_LARGE,
            ARTICLE_TOO_DEEP,
            ARTICLE_TOO_LONG,
            NOT_JSON,
            BAD_ARTICLE_ID,
            INVALID,
            EMPTY_ARTICLE,
            UNREADABLE_ARTICLE,
            INTERNAL,
            *OF_WORKERS,
            DATABASE_UNUSABLE,
        ),
    },
)
async def put(
    id: Annotated[str, Depends(article_id)],
    asked: schemas.ArticleRequest,
    request: Request,
    workers: Annotated[WorkersForClient, Depends(workers_of)],
    database: Annotated[Database, Depends(database_of)],
    form: Annotated[Form, Depends(form_accepted)],
    needs: Annotated[Conditions, Depends(conditions)],
) -> Response:
    """Answer as `POST /v1/analyses` does, and store the answer.

    The same content again is not analysed again, unless by other models. Of several versions the current one is that which
    was received last.
    """
    received = time.time_ns()
    storing: Storing = request.app.state.storing

    def kept(outcome: Outcome, connection: Connection) -> Stored | None:
        needs.require(articles.current(id, connection))
        return articles.store(id, asked, received, outcome, connection)

    await database.read(lambda connection: needs.require(articles.current(id, connection)))  # before the work is done
    stored = None
    while stored is None:
        try:
            outcome = await storing.analyse(id, asked, workers.run)
        except InputError as error:
            raise refusal(error, f"#/{asked.given}") from error
        stored = await database.write(partial(kept, outcome))
    response = _answer(stored.version, stored.analysis, form)
    response.headers[KEPT] = "kept" if stored.kept else "new"
    # The answer is what a GET of this path would give: that makes its entity tag one for that.
    response.headers["Content-Location"] = article_path(id)
    if stored.created:
        response.status_code = 201
        response.headers["Location"] = article_path(id)
    return response


@router.get(
    "",
    operation_id="getArticle",
    summary="The current analysis of an article",
    response_model=schemas.Analysis,
    responses={
        200: {**DOCUMENTED, "headers": {"ETag": _HEADERS["ETag"]}},
        **_NOT_MODIFIED,
        **documented(NOT_FOUND, NOT_ACCEPTABLE, BAD_ARTICLE_ID, INTERNAL, DATABASE_UNUSABLE),
    },
)
async def get(
    id: Annotated[str, Depends(article_id)],
    database: Annotated[Database, Depends(database_of)],
    form: Annotated[Form, Depends(form_accepted)],
    needs: Annotated[Conditions, Depends(known_tags)],
) -> Response:
    """Answer what the `PUT` that was received last answered."""
    return await database.read(partial(_found, id, None, form, needs))


@router.delete(
    "",
    operation_id="deleteArticle",
    summary="Forget an article, all its versions",
    status_code=204,
    responses=documented(NOT_FOUND, PRECONDITION_FAILED, BAD_ARTICLE_ID, INTERNAL, DATABASE_UNUSABLE),
)
async def delete(
    id: Annotated[str, Depends(article_id)],
    database: Annotated[Database, Depends(database_of)],
    needs: Annotated[Conditions, Depends(conditions)],
) -> None:
    """What batches have answered stays with them."""

    def removed(connection: Connection) -> bool:
        needs.require(articles.current(id, connection))
        return articles.remove(id, connection)

    if not await database.write(removed):
        raise _no_article(id)


@router.get(
    "/versions",
    operation_id="listArticleVersions",
    summary="The versions of an article",
    responses=documented(NOT_FOUND, BAD_ARTICLE_ID, INTERNAL, DATABASE_UNUSABLE),
)
async def versions(
    id: Annotated[str, Depends(article_id)], database: Annotated[Database, Depends(database_of)]
) -> schemas.ArticleVersions:
    """A version is what the article said, as analysed by certain models."""
    if not (rows := await database.read(partial(articles.history, id))):
        raise _no_article(id)
    return schemas.ArticleVersions(
        versions=[
            schemas.ArticleVersion(
                version=row["version"],
                url=f"{article_path(id)}/versions/{row['version']}",
                content=row["content"],
                models=json.loads(row["models"]),
                created=moment(row["created"]),
                received=moment(row["received"]),
            )
            for row in rows
        ]
    )


@router.get(
    "/versions/{version}",
    operation_id="getArticleVersion",
    summary="The analysis of one version of an article",
    response_model=schemas.Analysis,
    responses={
        200: {**DOCUMENTED, "headers": {"ETag": _HEADERS["ETag"]}},
        **_NOT_MODIFIED,
        **documented(NOT_FOUND, NOT_ACCEPTABLE, BAD_ARTICLE_ID, INTERNAL, DATABASE_UNUSABLE),
    },
)
async def version(
    id: Annotated[str, Depends(article_id)],
    version: str,
    database: Annotated[Database, Depends(database_of)],
    form: Annotated[Form, Depends(form_accepted)],
    needs: Annotated[Conditions, Depends(known_tags)],
) -> Response:
    """Answer what the `PUT` that stored this version answered."""
    return await database.read(partial(_found, id, version, form, needs))


def _found(id: str, version: str | None, form: Form, needs: Conditions, connection: Connection) -> Response:
    """The answer that carries a version, the current one for None. Raises Problem (404)."""
    asked = version or articles.current(id, connection)
    if asked is None:
        raise _no_article(id)
    tag = entity_tag(asked, form)
    if (analysis := articles.find(id, asked, connection)) is None:
        raise Problem(NOT_FOUND, f"the article “{id}” has no version {asked}; {article_path(id)}/versions lists them")
    if needs.spare(tag):
        return Response(status_code=304, headers={"ETag": tag, "Vary": "Accept"})
    return _answer(asked, analysis, form)


def _answer(version: str, analysis: str, form: Form) -> Response:
    response = answer(json.loads(analysis), form)
    response.headers["ETag"] = entity_tag(version, form)
    response.headers["Cache-Control"] = "private, no-cache"  # ask every time, with If-None-Match
    return response


def _no_article(id: str) -> Problem:
    return Problem(NOT_FOUND, f"there is no article “{id}”")
