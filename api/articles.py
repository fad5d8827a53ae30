"""Stored analyses: the versions of each article, by the identifier that its caller has given it.

A version is what the article says as analysed by certain models: the same again is no new version. The current version is
the one that was received last, in whichever order the analyses were finished.
"""

import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, insert, select, update

from api.analyser import Analyser
from api.database import Database
from api.jobs import Limits, Outcome, analysed_unless_known, content_of
from api.schemas import ArticleRequest
from api.tables import items, versions, waiting


@dataclass(frozen=True, slots=True)
class Stored:
    """A version that has just been stored: `created` where the article is new, `kept` where the version is not."""

    version: str
    analysis: str
    created: bool
    kept: bool


@dataclass(frozen=True, slots=True)
class Storing:
    """Analyses articles that are to be stored, where their analysis is not stored yet."""

    database: Database
    limits: Limits
    people: str  # the version of the people file

    async def analyse(
        self,
        id: str | None,
        asked: ArticleRequest,
        run: Callable[[Callable[[Analyser], Outcome]], Awaitable[Outcome]],
    ) -> Outcome:
        """What becomes of an article, by a worker that does what `run` is given; nothing is stored yet.

        Raises InputError, and what `run` and the database raise.
        """
        known = () if id is None else await self.database.read(partial(_with_content, id, content_of(asked)))
        return await run(partial(analysed_unless_known, asked, id, self.limits, self.people, known))


def store(id: str, asked: ArticleRequest, received: int, outcome: Outcome, connection: Connection) -> Stored | None:
    """Store a version and make it the current one, unless one that was received later is.

    None where the outcome rests on a version that has been deleted meanwhile: then it has to be analysed after all.
    """
    created = current(id, connection) is None
    kept = find(id, outcome.version, connection)
    if kept is not None:
        moment = func.max(versions.c.received, received)
        connection.execute(update(versions).where(_is(id, outcome.version)).values(received=moment))
        return Stored(outcome.version, kept, created, kept=True)
    if outcome.analysis is None:
        return None
    values = {
        "article": id,
        "version": outcome.version,
        "content": content_of(asked),
        "models": json.dumps(outcome.models),
        "created": time.time_ns(),
        "received": received,
        "body": asked.model_dump_json(include=set(ArticleRequest.model_fields), exclude_none=True),
        "analysis": outcome.analysis,
    }
    connection.execute(insert(versions).values(values))
    return Stored(outcome.version, outcome.analysis, created, kept=False)


def current(id: str, connection: Connection) -> str | None:
    """The current version of an article, None where there is no such article."""
    newest = select(versions.c.version).where(versions.c.article == id).order_by(*_newest_first).limit(1)
    return connection.execute(newest).scalar()


def find(id: str, version: str, connection: Connection) -> str | None:
    """The analysis of a version as JSON, None where it is not there."""
    return connection.execute(select(versions.c.analysis).where(_is(id, version))).scalar()


def history(id: str, connection: Connection) -> Sequence[RowMapping]:
    """The versions of an article without what is in them, the current one first."""
    columns = [versions.c[name] for name in ("version", "content", "models", "created", "received")]
    listed = select(*columns).where(versions.c.article == id).order_by(*_newest_first)
    return connection.execute(listed).mappings().all()


def remove(id: str, connection: Connection) -> bool:
    """Forget all versions of an article; whether there were any. What waits in batches will not be stored as one."""
    connection.execute(update(items).where(items.c.article == id, waiting).values(stored=0))
    return connection.execute(delete(versions).where(versions.c.article == id)).rowcount > 0


_newest_first = (versions.c.received.desc(), versions.c.created.desc())


def _is(id: str, version: str) -> Any:
    return (versions.c.article == id) & (versions.c.version == version)


def _with_content(id: str, content: str, connection: Connection) -> list[str]:
    same = select(versions.c.version).where(versions.c.article == id, versions.c.content == content)
    return list(connection.execute(same).scalars())
