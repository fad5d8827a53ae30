"""The stance of a quotation that the caller has found."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from api import schemas
from api.analyser import Analyser
from api.errors import (
    ARTICLE_TOO_LONG,
    BODY_TOO_LARGE,
    EMPTY_ARTICLE,
    INTERNAL,
    INVALID,
    MALFORMED,
    NOT_JSON,
    OF_WORKERS,
    QUOTATION_NOT_FOUND,
    Problem,
    documented,
    refusal,
)
from api.idempotency import PROBLEMS, claim_key
from api.routes.analyses import json_only
from api.workers import WorkersForClient, workers_of
from quotes.errors import InputError
from quotes.evaluation.testsets import located
from quotes.exports import stance_to_dict
from quotes.reading import from_text

router = APIRouter(prefix="/v1", tags=["stances"], dependencies=[Depends(json_only)])


@router.post(
    "/stances",
    operation_id="labelStance",
    summary="Label the stance of a quotation",
    response_model=schemas.QuotationStance,
    dependencies=[Depends(claim_key)],
    responses=documented(
        MALFORMED,
        BODY_TOO_LARGE,
        ARTICLE_TOO_LONG,
        NOT_JSON,
        INVALID,
        EMPTY_ARTICLE,
        QUOTATION_NOT_FOUND,
        INTERNAL,
        *OF_WORKERS,
        *PROBLEMS,
    ),
)
async def label(
    asked: schemas.StanceRequest,
    request: Request,
    workers: Annotated[WorkersForClient, Depends(workers_of)],
) -> JSONResponse:
    """Say which stance toward a ceasefire a quotation takes in its context, and which words of it speak for and against."""
    most: int = request.app.state.settings.max_characters
    return await workers.run(partial(labelled, asked, most))


def labelled(asked: schemas.StanceRequest, max_characters: int, analyser: Analyser) -> JSONResponse:
    """The answer for a quotation. A worker's job. Raises Problem."""
    context = asked.quotation if asked.context is None else asked.context
    for field, text in (("quotation", asked.quotation), ("context", context)):
        try:
            from_text(text, max_characters=max_characters)
        except InputError as error:
            raise refusal(error, f"#/{field}") from None
    try:
        quotation = located(asked.quotation, context)
    except ValueError:
        detail = "these words do not stand in the context; send them as they are printed there, without their marks"
        raise Problem(QUOTATION_NOT_FOUND, detail, [("#/quotation", detail)]) from None
    stance = stance_to_dict(context, quotation, analyser.label(context, quotation))
    return JSONResponse({"id": asked.id, **stance, "models": {"stance": analyser.models["stance"].version}})
