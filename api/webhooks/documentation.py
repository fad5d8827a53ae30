"""What receivers are told of webhooks: the `webhooks` section of the OpenAPI document."""

from typing import Annotated

from fastapi import APIRouter, Body, Header

from api.batch_schemas import BatchCompleted

EXAMPLE = {
    "type": "batch.completed",
    "timestamp": "2026-11-28T09:21:34Z",
    "data": {
        "id": "fc71e2f04f0642beb1d65d5d835ce95f",
        "url": "/v1/batches/fc71e2f04f0642beb1d65d5d835ce95f",
        "total": 3,
        "succeeded": 2,
        "failed": 1,
    },
}

router = APIRouter()


@router.post(
    "batch.completed",
    operation_id="batchCompleted",
    summary="A batch is completed",
    status_code=204,
    tags=["batches"],
    response_description="It is delivered; any other 2xx says the same.",
    responses={
        410: {"description": "Nothing more is sent to this URL for the batches that wait."},
        "default": {"description": "It is sent again, later and later; redirects are not followed."},
    },
)
def batch_completed(
    event: Annotated[BatchCompleted, Body(openapi_examples={"completed": {"value": EXAMPLE}})],
    webhook_id: Annotated[str, Header(description="The same each time that the message is sent.")],
    webhook_timestamp: Annotated[int, Header(description="When it is sent: seconds since 1970.")],
    webhook_signature: Annotated[
        str, Header(description="`v1,` and the base64 of the HMAC-SHA256 of id.timestamp.body.")
    ],
) -> None:
    """Sent to the `webhook_url` of a batch, signed by the Standard Webhooks convention."""
