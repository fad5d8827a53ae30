"""Starts the service: `quotes serve`."""

from ipaddress import ip_address

import uvicorn

from api import keys, logs
from api.database import Database
from quotes.errors import InputError
from quotes.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop; then finish what runs. Logs as `api.logs` says.

    Raises InputError where other machines could call and no API key was ever made.
    """
    if not (_is_loopback(settings.host) or settings.allow_without_keys or _keys_are_asked_for(settings)):
        raise InputError(
            f"at {settings.host} other machines could call, and there are no API keys; make one (quotes keys create NAME), "
            "listen at 127.0.0.1, or set QUOTES_ALLOW_WITHOUT_KEYS=true"
        )
    logs.configure()
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,  # `api.tracing` logs requests
        server_header=False,
    )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _keys_are_asked_for(settings: Settings) -> bool:
    database = Database(settings.database)
    try:
        with database.reading() as connection:
            return keys.are_asked_for(connection)
    finally:
        database.close()
