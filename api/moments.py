"""Moments as the database has them, and as the API gives them."""

from datetime import UTC, datetime


def moment(nanoseconds: int) -> datetime:
    """The moment so many nanoseconds after 1970 began, in UTC."""
    return datetime.fromtimestamp(nanoseconds / 1e9, UTC)
