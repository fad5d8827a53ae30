"""Whether the service lives, and whether it can work."""

from fastapi import APIRouter, Request

from api.errors import NOT_READY, documented
from api.schemas import Health

router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="isLive", summary="Is the process alive?")
async def livez() -> Health:
    """Answer while the event loop turns."""
    return Health(status="live")


@router.get("/readyz", operation_id="isReady", summary="Can it analyse?", responses=documented(NOT_READY))
async def readyz(request: Request) -> Health:
    """Answer 200 while there is a worker that has analysed a sentence, 503 before."""
    request.app.state.workers.require_ready()
    return Health(status="ready")
