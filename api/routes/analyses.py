"""Analysing articles."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api import schemas
from api.answers import DOCUMENTED, Form, form_accepted
from api.errors import (
    ARTICLE_TOO_DEEP,
    ARTICLE_TOO_LONG,
    BODY_TOO_LARGE,
    EMPTY_ARTICLE,
    INTERNAL,
    INVALID,
    MALFORMED,
    NOT_ACCEPTABLE,
    NOT_JSON,
    OF_WORKERS,
    UNREADABLE_ARTICLE,
    Problem,
    documented,
    refusal,
)
from api.idempotency import PROBLEMS, claim_key
from api.jobs import Limits, answered
from api.workers import WorkersForClient, workers_of
from quotes.errors import InputError


def json_only(request: Request) -> None:
    """Refuse a body that is not declared to be JSON."""
    declared = request.headers.get("content-type", "")
    if declared.partition(";")[0].strip().lower() != "application/json":
        raise Problem(NOT_JSON, f"send Content-Type: application/json, not {declared or 'none'}")


router = APIRouter(prefix="/v1", tags=["analyses"], dependencies=[Depends(json_only)])


@router.post(
    "/analyses",
    operation_id="analyseArticle",
    summary="Analyse an article",
    response_model=schemas.Analysis,
    dependencies=[Depends(claim_key)],
    responses={
        200: DOCUMENTED,
        **documented(
            MALFORMED,
            NOT_ACCEPTABLE,
            BODY_TOO_LARGE,
            ARTICLE_TOO_DEEP,
            ARTICLE_TOO_LONG,
            NOT_JSON,
            INVALID,
            EMPTY_ARTICLE,
            UNREADABLE_ARTICLE,
            INTERNAL,
            *OF_WORKERS,
            *PROBLEMS,
        ),
    },
)
async def analyse(
    asked: schemas.AnalysisRequest,
    request: Request,
    workers: Annotated[WorkersForClient, Depends(workers_of)],
    form: Annotated[Form, Depends(form_accepted)],
) -> Response:
    """Find every direct quotation in an article, who said it and how that is known, and its stance on a ceasefire."""
    limits = Limits.of(request.app.state.settings)
    try:
        return await workers.run(partial(answered, asked, limits, form))
    except InputError as error:
        raise refusal(error, f"#/{asked.given}") from error
