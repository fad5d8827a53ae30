"""Which models answer."""

from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import JSONResponse

from api import schemas
from api.analyser import Analyser
from api.errors import INTERNAL, OF_WORKERS, documented
from api.workers import WorkersForClient, workers_of

router = APIRouter(prefix="/v1", tags=["models"])


@router.get(
    "/models",
    operation_id="listModels",
    summary="Which models are in use?",
    response_model=schemas.Models,
    responses=documented(INTERNAL, *OF_WORKERS),
)
async def models(workers: Annotated[WorkersForClient, Depends(workers_of)]) -> JSONResponse:
    """Give the version, hashes, scores and licence of each model, as `quotes models` does.

    An English package that QUOTES_ENGLISH_DIR names is none of the project's own and is left out.
    """
    return await workers.run(in_use)


def in_use(analyser: Analyser) -> JSONResponse:
    """The answer. A worker's job, since what the workers have loaded is what counts."""
    return JSONResponse({"models": [artefact.summary for _, artefact in sorted(analyser.models.items())]})
