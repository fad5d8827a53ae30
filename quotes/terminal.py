"""What the commands share that write for people: text that is safe for a terminal, tables, progress."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import RenderableType

PIPE_WIDTH = 120  # of tables, in characters, where the output is no terminal
SHOWN = 160  # characters of a quotation in a table

_Item = TypeVar("_Item")


def one_line(text: str) -> str:
    """The text on one line, without the control characters by which an article could drive the terminal."""
    return " ".join("".join(c if c.isprintable() else " " if c.isspace() else "" for c in text).split())


def shortened(text: str) -> str:
    """The text, without its middle where it is too long for a table."""
    if len(text) <= SHOWN:
        return text
    head, tail = text[: SHOWN * 2 // 3], text[-SHOWN // 3 :]
    return f"{head.rsplit(' ', 1)[0]} … {tail.split(' ', 1)[-1]}"


def rendered(*parts: "RenderableType") -> str:
    """Tables and texts as they look on standard output: plain, and of fixed width, where that is no terminal."""
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH)
    with console.capture() as capture:
        for part in parts:
            console.print(part)
    return capture.get()


def with_progress(items: Iterable[_Item], what: str, total: int) -> Iterator[_Item]:
    """The items, with a bar on standard error meanwhile where that is a terminal."""
    from rich.console import Console
    from rich.progress import track

    console = Console(stderr=True)
    yield from track(items, what, total, console=console, transient=True, disable=not console.is_terminal)
