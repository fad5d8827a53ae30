"""The messages that are to be delivered, as rows: what is due, what became of an attempt, when the next one is.

A restart forgets none of them and begins no schedule anew. A message may be sent twice, as when the service dies before it
has noted the answer; its id is the same each time.
"""

import random
import time
from collections.abc import Sequence
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects.sqlite import insert

from api import batch_schemas
from api.moments import moment
from api.tables import batches, deliveries, items
from api.webhooks.sending import Outcome

JITTER = 0.2  # of a delay, either way, so that what failed together is not tried again together


def enqueue(batch: str, connection: Connection) -> None:
    """Have the end of a batch told to its webhook, if it has one; once, however often this is called."""
    failed = func.count(items.c.problem)
    counted = select(batches, func.count(items.c.id).label("total"), failed.label("failed")).outerjoin(items)
    found = connection.execute(counted.where(batches.c.id == batch).group_by(batches.c.id)).one_or_none()
    if found is None or found.webhook_url is None:
        return
    event = batch_schemas.BatchCompleted(
        type="batch.completed",
        timestamp=moment(found.finished),
        data=batch_schemas.CompletedBatch(
            id=batch,
            url=f"/v1/batches/{batch}",
            total=found.total,
            succeeded=found.total - found.failed,
            failed=found.failed,
        ),
    )
    values = {
        "batch": batch,
        "id": f"msg_{uuid4().hex}",
        "url": found.webhook_url,
        "body": event.model_dump_json(),
        "state": "pending",
        "attempts": 0,
        "due": time.time_ns(),
    }
    connection.execute(insert(deliveries).values(values).on_conflict_do_nothing())


def due(most: int, connection: Connection) -> Sequence[Row[Any]]:
    """Up to `most` messages whose time has come, those first that wait longest."""
    now = time.time_ns()
    return connection.execute(
        select(deliveries).where(deliveries.c.due <= now).order_by(deliveries.c.due).limit(most)
    ).all()


def seconds_to_next(connection: Connection) -> float | None:
    """Until the next message is due; None where none waits."""
    first = connection.execute(select(func.min(deliveries.c.due))).scalar()
    return None if first is None else max(0, (first - time.time_ns()) / 1e9)


def note(delivery: Row[Any], outcome: Outcome, delays: Sequence[float], connection: Connection) -> None:
    """Write down what became of an attempt; `delays` has the seconds from each failed one to the next.

    A receiver that says that it is gone (410) is not tried again, with other messages neither.
    """
    attempts = delivery.attempts + 1
    when = None
    if outcome.delivered:
        state = "delivered"
    elif outcome.gone:
        state = "disabled"
        same = (deliveries.c.url == delivery.url) & deliveries.c.due.is_not(None)
        connection.execute(update(deliveries).where(same).values(state=state, due=None))
    elif attempts > len(delays):
        state = "failed"
    else:
        state = "failing"
        delay = delays[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)
        when = time.time_ns() + int(delay * 1e9)
    values = {
        "state": state,
        "attempts": attempts,
        "attempted": time.time_ns(),
        "status": outcome.status,
        "error": outcome.error,
        "due": when,
    }
    connection.execute(update(deliveries).where(deliveries.c.batch == delivery.batch).values(values))


def delivery_of(batch: str, connection: Connection) -> batch_schemas.Delivery | None:
    """How far the message of a batch is, None where there is none: it has no webhook, or is not finished."""
    found = connection.execute(select(deliveries).where(deliveries.c.batch == batch)).one_or_none()
    if found is None:
        return None
    return batch_schemas.Delivery(
        id=found.id,
        state=found.state,
        attempts=found.attempts,
        last_attempt=None if found.attempted is None else moment(found.attempted),
        last_status=found.status,
        last_error=found.error,
        next_attempt=None if found.due is None else moment(found.due),
    )
