"""Measuring stances on a test set."""

from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse

from api import schemas
from api.analyser import Analyser
from api.errors import (
    BODY_TOO_LARGE,
    INTERNAL,
    INVALID,
    MALFORMED,
    MOST_ERRORS,
    NOT_JSON,
    OF_WORKERS,
    TOO_MANY_ROWS,
    Problem,
    documented,
)
from api.idempotency import PROBLEMS, claim_key
from api.routes.analyses import json_only
from api.workers import WorkersForClient, workers_of
from quotes.evaluation.intervals import SEED
from quotes.evaluation.predictions import predicted
from quotes.evaluation.results import StanceMetrics, to_dict
from quotes.evaluation.stances import answers_of, measure
from quotes.evaluation.tables import Record, Table
from quotes.evaluation.testsets import Columns, labelled

PATH = "/v1/evaluations"
router = APIRouter(tags=["evaluations"], dependencies=[Depends(json_only)])


@router.post(
    PATH,
    operation_id="evaluateStances",
    summary="Measure stances on a test set",
    response_model=StanceMetrics,
    dependencies=[Depends(claim_key)],
    responses=documented(MALFORMED, BODY_TOO_LARGE, TOO_MANY_ROWS, NOT_JSON, INVALID, INTERNAL, *OF_WORKERS, *PROBLEMS),
)
async def evaluate(
    asked: schemas.EvaluationRequest,
    request: Request,
    workers: Annotated[WorkersForClient, Depends(workers_of)],
) -> JSONResponse:
    """Hold predictions, or the classifier's own answers where no row has one, against labels, with 95 % intervals.

    The figures are those of metrics.json of `quotes evaluate stance`, defined in docs/evaluation.md.
    """
    most: int = request.app.state.settings.max_rows
    if len(asked.rows) > most:
        detail = f"there are {len(asked.rows):,} rows, more than the {most:,} allowed; send fewer"
        raise Problem(TOO_MANY_ROWS, detail, [("#/rows", detail)])
    return await workers.run(partial(_answer, asked))


def _answer(asked: schemas.EvaluationRequest, analyser: Analyser) -> JSONResponse:
    return JSONResponse(to_dict(_measured(asked, analyser)))


def _measured(asked: schemas.EvaluationRequest, analyser: Analyser) -> StanceMetrics:
    rows = [row.model_dump(exclude_none=True) for row in asked.rows]
    names = tuple(dict.fromkeys(name for row in rows for name in row))
    records = tuple(Record(position, position + 1, row) for position, row in enumerate(rows))
    table = Table(Path("rows"), names, records)
    mapping = {label.strip().casefold(): stance for label, stance in asked.map.items()}
    given = "prediction" in names or "probabilities" in names
    columns = Columns("quote", "context", "label", "group" if "group" in names else None)
    test = labelled(table, columns, mapping, locate=not given)
    predictions, bad = predicted(table, "prediction", mapping) if given else ([], [])
    if wrong := sorted((*test.bad, *bad), key=lambda row: row.position):
        detail = f"{len({row.position for row in wrong})} of {len(rows)} rows cannot be used"
        raise Problem(
            INVALID, detail, [(f"#/rows/{row.position}/{row.column}", row.reason) for row in wrong[:MOST_ERRORS]]
        )
    seed = SEED if asked.seed is None else asked.seed
    if given:
        return measure(test, answers_of(predictions), "predictions", seed=seed)
    answers = answers_of([analyser.label(row.context, row.quotation) for row in test.rows])
    return measure(test, answers, f"shipped classifier (stance {analyser.models['stance'].version})", seed=seed)
