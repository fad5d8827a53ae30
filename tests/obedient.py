"""An analyser for worker processes that does what the article says, jobs that do what they are told, and a service of it."""

import os
import time
from pathlib import Path
from typing import ClassVar

from quotes.artefacts import Artefact
from quotes.document import Analysis
from quotes.errors import ArtefactMissing


class Obedient:
    """“hold PATH” waits until somebody makes the file PATH.go, “die” ends the process."""

    models: ClassVar[dict[str, Artefact]] = {}

    def analyse(self, article):
        match article.text.split():
            case ["hold", path]:
                hold(path, self)
            case ["die"]:
                os._exit(1)
        return Analysis(article, ())


def service():
    """For `uvicorn --factory`."""
    from api.app import create_app  # not at the top: workers that need no service start sooner without it

    return create_app(with_the_service)


def with_the_service():
    import api.app  # noqa: F401 - what the service's jobs import

    return Obedient()


def hold(path, analyser):
    """Make the file PATH.runs, wait for PATH.go, and answer who did."""
    with open(f"{path}.runs", "x") as file:
        file.write(str(os.getpid()))
    while not os.path.exists(f"{path}.go"):
        time.sleep(0.005)
    return os.getpid()


def process_id(analyser):
    return os.getpid()


def append(path, word, analyser):
    """Add a word to a file, so that the order can be read in the end."""
    with path.open("a") as file:
        file.write(word)


def echo(value, analyser):
    return value


def fail(analyser):
    raise ArtefactMissing("said so")


class Picky(Exception):
    """Can be pickled, but not be made again."""

    def __init__(self, one, two):
        super().__init__(one)
        self.function = lambda: two


def fail_pickily(analyser):
    raise Picky("one", "two")


def answer_a_function(analyser):
    return lambda: None


def never_load():
    raise ArtefactMissing("no models in /secret/place")


def load_the_second_time(path: Path):
    """As if the machine had no memory left at first."""
    if not path.exists():
        path.touch()
        os._exit(1)
    return Obedient()
