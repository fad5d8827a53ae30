"""The tables of the service's database, all of them.

Moments are integers, nanoseconds since 1970 in UTC. JSON is text. When a table of a released version changes, raise
VERSION, and have `api.database` bring older files up to it.
"""

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

VERSION = 1  # stored in the file as `user_version`

metadata = MetaData()

# Stored analyses, by the caller's identifier of the article. A version is what an article says as analysed by certain
# models; the current one is that received last.
versions = Table(
    "versions",
    metadata,
    Column("article", String, primary_key=True),
    Column("version", String, primary_key=True),  # digest of all that decides the answer
    Column("content", String, nullable=False),  # digest of what was sent
    Column("created", Integer, nullable=False),
    Column("received", Integer, nullable=False),  # when it was last sent
    Column("body", Text, nullable=False),  # JSON: what was sent
    Column("analysis", Text, nullable=False),  # JSON: what was answered
    Index("versions_by_moment", "article", "received"),
)

batches = Table(
    "batches",
    metadata,
    Column("id", String, primary_key=True),
    Column("created", Integer, nullable=False),
    Column("finished", Integer, index=True),
    Column("announced", Integer, nullable=False, default=0),  # 1 once whoever waits for the end has been told
    Column("webhook_url", String),
)

# The articles of batches. One without `problem` and `analysis` waits or is being analysed.
items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),  # in the order in which they are analysed
    Column("batch", ForeignKey(batches.c.id, ondelete="CASCADE"), nullable=False),
    Column("position", Integer, nullable=False),  # in the batch, from 0
    Column("article", String),  # the caller's identifier
    Column("received", Integer, nullable=False),
    Column("body", Text),  # JSON: what was sent; gone once it has been analysed
    Column("analysis", Text),  # JSON
    Column("problem", Text),  # JSON: problem details
    UniqueConstraint("batch", "position"),
)
Index("items_that_wait", items.c.id, sqlite_where=items.c.analysis.is_(None) & items.c.problem.is_(None))

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
