"""Whether the service lives, and whether it can work."""

from typing import Annotated

from fastapi import APIRouter, Depends

from api.errors import NOT_READY, documented
from api.schemas import Health
from api.workers import Workers, workers_of

router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="isLive", summary="Is the process alive?")
async def livez() -> Health:
    """Answer while the event loop turns."""
    return Health(status="live")


@router.get("/readyz", operation_id="isReady", summary="Can it analyse?", responses=documented(NOT_READY))
async def readyz(workers: Annotated[Workers, Depends(workers_of)]) -> Health:
    """Answer 200 once the models are loaded and have analysed a sentence, 503 before."""
    workers.require_ready()
    return Health(status="ready")
