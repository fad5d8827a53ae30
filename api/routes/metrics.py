"""The service's figures."""

from fastapi import APIRouter, Request, Response

from api.errors import INTERNAL, documented
from api.metrics import Metrics

router = APIRouter(tags=["operations"])


@router.get(
    "/metrics",
    operation_id="showMetrics",
    summary="What has it done?",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **documented(INTERNAL)},
)
async def metrics(request: Request) -> Response:
    """Requests, times, the queue, quotations by stance and the models in use, in the text format of Prometheus."""
    figures: Metrics = request.app.state.metrics
    content, media_type = figures.exposition(request.headers.get("accept", ""))
    return Response(content, headers={"Content-Type": media_type})
