"""API keys: who may call the service, and what for.

A key is "quotes_", an identifier that may be shown, "_", and a secret of 256 random bits, of which the database has the
SHA-256 alone: what is as random as that needs no slower hash. As long as no key was ever made, none is asked for.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, insert, select, update

from api.tables import api_keys

_PREFIX = "quotes_"


class Scope(StrEnum):
    """What a key is good for; each includes those before it."""

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"

    def includes(self, other: "Scope") -> bool:
        """Whether a key of this scope may do what `other` is asked for."""
        order = list(Scope)
        return order.index(self) >= order.index(other)


@dataclass(frozen=True, slots=True)
class Key:
    """A key without its secret. Moments are nanoseconds since 1970; `revoked` is None while it is in force."""

    id: str
    name: str
    scope: Scope
    created: int
    revoked: int | None


def create(connection: Connection, name: str, scope: Scope) -> str:
    """Make a key and return it; it cannot be read again."""
    id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    values = {"id": id, "name": name, "scope": scope.value, "digest": _digest(secret), "created": time.time_ns()}
    connection.execute(insert(api_keys).values(values))
    return f"{_PREFIX}{id}_{secret}"


def made(connection: Connection) -> Sequence[Key]:
    """Every key that was ever made, the oldest first."""
    rows = connection.execute(select(api_keys).order_by(api_keys.c.created))
    return [Key(row.id, row.name, Scope(row.scope), row.created, row.revoked) for row in rows]


def revoke(connection: Connection, id: str) -> bool:
    """Put a key out of force; False where no key that is in force has this identifier."""
    change = update(api_keys).where(api_keys.c.id == id, api_keys.c.revoked.is_(None)).values(revoked=time.time_ns())
    return connection.execute(change).rowcount == 1


def are_asked_for(connection: Connection) -> bool:
    """Whether there ever was a key: revoking the last one opens nothing."""
    return connection.execute(select(api_keys.c.id).limit(1)).first() is not None


def holder(connection: Connection, token: str) -> Key | None:
    """The key in force that was sent, if it is one."""
    id, _, secret = token.removeprefix(_PREFIX).partition("_")
    row = connection.execute(select(api_keys).where(api_keys.c.id == id, api_keys.c.revoked.is_(None))).first()
    # Compared even where there is none, so that the time tells nothing either.
    same = hmac.compare_digest(_digest(secret), row.digest if row else _digest(""))
    return Key(row.id, row.name, Scope(row.scope), row.created, row.revoked) if row and same else None


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
