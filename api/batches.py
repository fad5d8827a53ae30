"""Batches as rows: what waits, what became of it, what is completed. Whatever is committed here survives a crash."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, RowMapping, delete, exists, func, insert, select, update

from api.tables import batches, items, waiting


@dataclass(frozen=True, slots=True)
class Entry:
    """An article of a new batch: what was sent, as JSON, or the problem with it, as JSON."""

    id: str | None
    body: str | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """An article that waits. `received` is in nanoseconds since 1970."""

    id: int
    batch: str
    request_id: str
    position: int
    article: str | None
    received: int
    body: str


def add(
    batch: str,
    entries: Iterable[Entry],
    request_id: str,
    received: int,
    webhook_url: str | None,
    connection: Connection,
) -> None:
    """Store a new batch. Its articles count as received one after the other."""
    values = {"id": batch, "request_id": request_id, "created": received, "webhook_url": webhook_url}
    connection.execute(insert(batches).values(values))
    rows = [
        {
            "batch": batch,
            "position": position,
            "article": entry.id,
            "stored": int(entry.id is not None and entry.problem is None),
            "received": received + position,
            "body": entry.body,
            "problem": entry.problem,
        }
        for position, entry in enumerate(entries)
    ]
    connection.execute(insert(items), rows)
    _complete(batch, connection)


def progress(batch: str, connection: Connection) -> RowMapping | None:
    """The batch and how many articles it has: `total`, `succeeded`, `failed`. None where there is no such batch."""
    counts = (
        func.count(items.c.id).label("total"),
        func.count(items.c.analysis).label("succeeded"),
        func.count(items.c.problem).label("failed"),
    )
    counted = select(batches, *counts).join(items).where(batches.c.id == batch).group_by(batches.c.id)
    return connection.execute(counted).mappings().one_or_none()


def page(batch: str, offset: int, limit: int, connection: Connection) -> Sequence[RowMapping]:
    """Up to `limit` articles of a batch, from a position on, and what became of them."""
    columns = [items.c[name] for name in ("position", "article", "analysis", "problem")]
    asked = select(*columns).where(items.c.batch == batch, items.c.position >= offset).order_by(items.c.position)
    return connection.execute(asked.limit(limit)).mappings().all()


def next_waiting(after: int, connection: Connection) -> Item | None:
    """The first article that waits, of those behind the item `after`."""
    columns = [items.c[name] for name in ("id", "batch", "position", "article", "received", "body")]
    asked = select(*columns, batches.c.request_id).join(batches).where(items.c.id > after, waiting)
    found = connection.execute(asked.order_by(items.c.id).limit(1)).mappings().one_or_none()
    return None if found is None else Item(**found)


def is_stored(item: Item, connection: Connection) -> bool:
    """Whether the analysis is to be stored as a version of the article, which has not been deleted since."""
    return bool(connection.execute(select(items.c.stored).where(items.c.id == item.id)).scalar())


def finish(item: Item, connection: Connection, *, analysis: str | None = None, problem: str | None = None) -> bool:
    """Store what became of an article: False where it does not wait any more, because its batch was deleted, say."""
    values = {"analysis": analysis, "problem": problem, "body": None}
    if not connection.execute(update(items).where(items.c.id == item.id, waiting).values(values)).rowcount:
        return False
    _complete(item.batch, connection)
    return True


def remove(batch: str, connection: Connection) -> bool:
    """Forget a batch, what waits in it included; whether there was one."""
    return connection.execute(delete(batches).where(batches.c.id == batch)).rowcount > 0


def expire(before: int, connection: Connection) -> None:
    """Forget the batches that were completed before a moment."""
    connection.execute(delete(batches).where(batches.c.finished < before))


def unannounced(connection: Connection) -> Sequence[str]:
    """The batches whose completion has not been announced."""
    asked = select(batches.c.id).where(batches.c.finished.is_not(None), batches.c.announced == 0)
    return connection.execute(asked).scalars().all()


def announced(batch: str, connection: Connection) -> None:
    """Write down that the completion of a batch has been announced."""
    connection.execute(update(batches).where(batches.c.id == batch).values(announced=1))


def _complete(batch: str, connection: Connection) -> None:
    """Write down that the batch is completed, if it is."""
    left = exists().where(items.c.batch == batch, waiting)
    connection.execute(update(batches).where(batches.c.id == batch, ~left).values(finished=time.time_ns()))
