"""Starts the service: `quotes serve`."""

import uvicorn

from api import logs
from quotes.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until the process is told to stop; then finish what runs. Logs as `api.logs` says."""
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
