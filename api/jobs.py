"""What the workers are asked to do: functions that take the loaded models last, and what they need before."""

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version as release_of
from typing import Any

from fastapi import Response

from api.analyser import Analyser
from api.answers import Form, answer
from api.schemas import AnalysisRequest, ArticleRequest
from quotes.exports import to_dict
from quotes.reading import from_html, from_ninjs, from_text
from quotes.settings import Settings

_DIGITS = 32  # hexadecimal: 128 bits


@dataclass(frozen=True, slots=True)
class Limits:
    """Of an article: its code points, and how many elements of its HTML lie inside each other."""

    characters: int
    nesting: int

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        """Those that an installation has set."""
        return cls(settings.max_characters, settings.max_nesting)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an article: `version` is a digest of all that decides its analysis, `models` those that decided.

    `analysis` is JSON, None where the version was known.
    """

    version: str
    models: dict[str, str]
    analysis: str | None


def answered(asked: AnalysisRequest, limits: Limits, form: Form, analyser: Analyser) -> Response:
    """The answer for an article: reading and writing are left to the workers too, for a large page they take a while.

    Raises InputError.
    """
    return answer(_analysed(asked, asked.id, limits, analyser), form)


def analysed_unless_known(
    asked: ArticleRequest, id: str | None, limits: Limits, people: str, known: Collection[str], analyser: Analyser
) -> Outcome:
    """The analysis of an article, unless it is one of the `known` versions; `people` is the people file's version.

    Raises InputError.
    """
    models = {name: artefact.version for name, artefact in analyser.models.items()}
    # The release too: much is decided by rules in the code.
    version = _digest([content_of(asked), models, people, release_of("quotes")])
    if version in known:
        return Outcome(version, models, None)
    analysis = _analysed(asked, id, limits, analyser)
    return Outcome(version, models, json.dumps(analysis, ensure_ascii=False, separators=(",", ":")))


def content_of(asked: ArticleRequest) -> str:
    """A digest of what an article says: equal exactly when that is the same."""
    return _digest(asked.model_dump(include=set(ArticleRequest.model_fields), exclude_none=True))


def _analysed(asked: ArticleRequest, id: str | None, limits: Limits, analyser: Analyser) -> dict[str, Any]:
    about = {"title": asked.title, "url": asked.url, "id": id}
    if asked.ninjs is not None:
        article = from_ninjs(asked.ninjs, **about, max_characters=limits.characters, max_nesting=limits.nesting)
    elif asked.html is not None:
        article = from_html(asked.html, **about, max_characters=limits.characters, max_nesting=limits.nesting)
    else:
        article = from_text(asked.text or "", **about, max_characters=limits.characters)
    return to_dict(analyser.analyse(article))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:_DIGITS]
