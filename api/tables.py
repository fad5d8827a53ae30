"""The tables of the service's database, all of them.

Moments are integers, nanoseconds since 1970 in UTC. JSON is text. When a table of a released version changes, raise
VERSION, and have `api.database` bring older files up to it.
"""

import zlib

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeDecorator

VERSION = 1  # stored in the file as `user_version`

metadata = MetaData()


class CompressedText(TypeDecorator[str]):
    """Text that zlib has made smaller: an analysis takes a fifth of its room, in a fifth of a millisecond."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: object) -> bytes | None:
        """On its way in."""
        return None if value is None else zlib.compress(value.encode(), level=1)

    def process_result_value(self, value: bytes | None, dialect: object) -> str | None:
        """On its way out."""
        return None if value is None else zlib.decompress(value).decode()


# Stored analyses, by the caller's identifier of the article. A version is what an article says as analysed by certain
# models; the current one is that received last.
versions = Table(
    "versions",
    metadata,
    Column("article", String, primary_key=True),
    Column("version", String, primary_key=True),  # digest of all that decides the analysis
    Column("content", String, nullable=False),  # digest of what was sent
    Column("models", String, nullable=False),  # JSON: their versions by their names
    Column("created", Integer, nullable=False),
    Column("received", Integer, nullable=False),  # when it was last sent
    Column("body", CompressedText, nullable=False),  # JSON: what was sent
    Column("analysis", CompressedText, nullable=False),  # JSON: what was answered
    Index("versions_by_moment", "article", "received"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("request_id", String, nullable=False),
    Column("created", Integer, nullable=False),
    Column("finished", Integer, index=True),
    Column("announced", Integer, nullable=False, default=0),  # 1 once its webhook, if it has one, has been asked for
    Column("webhook_url", String),
)

# The articles of batches.
items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),  # in the order in which they are analysed
    Column("batch", ForeignKey(batches.c.id, ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # in the batch, from 0
    Column("article", String),  # the caller's identifier
    Column("stored", Integer, nullable=False),  # 1 where the analysis is stored as a version of the article too
    Column("received", Integer, nullable=False),
    Column("body", CompressedText),  # JSON: what was sent, as long as it waits
    Column("analysis", CompressedText),  # JSON
    Column("problem", String),  # JSON: problem details
    UniqueConstraint("batch", "position"),
    sqlite_autoincrement=True,  # ids are not used again: whoever walks through them misses none
)
waiting = items.c.analysis.is_(None) & items.c.problem.is_(None)  # or being analysed just now
Index("items_that_wait", items.c.id, sqlite_where=waiting)
Index("items_that_wait_by_batch", items.c.batch, sqlite_where=waiting)
Index("items_that_wait_by_article", items.c.article, sqlite_where=waiting)

# Answers to requests with an Idempotency-Key, to give again.
idempotent_answers = Table(
    "idempotent_answers",
    metadata,
    Column("caller", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("request", String, nullable=False),  # digest of what was asked
    Column("expires", Integer, nullable=False, index=True),
    Column("status", Integer, nullable=False),
    Column("headers", Text, nullable=False),  # JSON
    Column("body", LargeBinary, nullable=False),  # deflated
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("scope", String, nullable=False),  # read, write or admin
    Column("digest", String, nullable=False),  # SHA-256 of the secret, hexadecimal
    Column("created", Integer, nullable=False),
    Column("revoked", Integer),
)

# Messages to the webhooks of batches. One with `due` is to be sent (again) then.
deliveries = Table(
    "deliveries",
    metadata,
    Column("batch", ForeignKey(batches.c.id, ondelete="CASCADE"), primary_key=True),
    Column("id", String, nullable=False),  # what the receiver knows it by
    Column("url", String, nullable=False),
    Column("body", String, nullable=False),  # JSON
    Column("state", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("attempted", Integer),  # the last time
    Column("status", Integer),  # of the answer to the last attempt
    Column("error", String),  # why it had no answer
    Column("due", Integer, index=True),
)
