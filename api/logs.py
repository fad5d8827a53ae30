"""The service's log: one JSON object a line, on standard error.

Code logs through the standard library, its fields in `extra`; structlog makes the lines and adds what is bound to the
request (its id). Nothing that a caller sent gets into a line: an exception is told by its type and its frames, not by
its message, which may quote the article.
"""

import logging
from collections.abc import Iterator
from typing import Any

import structlog
from structlog.tracebacks import Trace, extract
from structlog.typing import EventDict

_FRAMES = 30  # of each exception, the innermost


def configure() -> None:
    """Make every logger of this process, uvicorn's too, write such lines."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_messages,
            structlog.processors.JSONRenderer(default=str),
        ],
    )
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO, force=True)
    logging.captureWarnings(True)


def _without_messages(logger: Any, method: str, event: EventDict) -> EventDict:
    event.pop("color_message", None)  # uvicorn's: the same again, for a terminal
    if event["logger"] == "asyncio":
        event["event"] = event["event"].partition("\n")[0]  # the lines after it show what failed, its exception too
    if error := event.pop("exc_info", None):
        event["exception"] = list(_told(extract(*error)))
    return event


def _told(trace: Trace) -> Iterator[dict[str, Any]]:
    """Each exception of a chain, the last raised first, with the exceptions of a group after it."""
    for stack in trace.stacks:
        frames = [f"{frame.filename}:{frame.lineno} in {frame.name}" for frame in stack.frames[-_FRAMES:]]
        yield {"type": stack.exc_type, "frames": frames}
        for part in stack.exceptions:
            yield from _told(part)
