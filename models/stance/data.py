"""Labelled quotations, read into questions for the classifier, with groups that cross-validation must not split.

Two kinds of file, both JSON Lines with `quote`, `context` and `label`:

- written for this project: `speaker`, `conflict`, and `group` where quotations form a contrast set;
- published ones cut from news: `document`; `speech` is false for titles and terms, which are labelled `none`.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from quotes.document import Span, StanceLabel
from quotes.stance_features import StanceQuestion

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LITTLE = frozenset("a an the of in on at for to from by with and or who is as".split())


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled quotation; its question's spans count in `text`. Examples of one `group` belong together."""

    text: str
    question: StanceQuestion
    label: StanceLabel
    group: str
    real: bool


def read_written(path: Path) -> list[Example]:
    """The quotations written for this project, grouped by conflict; a contrast set ties its conflicts together."""
    rows = _rows(path)
    groups = _tied(rows)
    return [_example(row, group, real=False) for row, group in zip(rows, groups, strict=True)]


def read_real(path: Path) -> list[Example]:
    """The published quotations, grouped by the document that they were cut from."""
    return [_example(row, row["document"], real=True) for row in _rows(path)]


def known_words(examples: Iterable[Example]) -> frozenset[str]:
    """Words that stand in lower case at least twice, and in a fifth of their uses: with a capital they are no names."""
    lower: Counter[str] = Counter()
    every: Counter[str] = Counter()
    for text in {example.text for example in examples}:
        for word in _WORD.findall(text.replace("’", "'")):
            every[word.lower()] += 1
            lower[word] += word.islower()
    return frozenset(word for word, count in lower.items() if count >= 2 and count >= every[word] / 5)


def folds(examples: Sequence[Example], count: int, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """`count` splits into (train, test) positions: no group is in both, and labels and kinds are spread evenly."""
    strata = [f"{example.label}{example.real}" for example in examples]
    groups = [example.group for example in examples]
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    return list(splitter.split(np.zeros(len(examples)), strata, groups))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def _example(row: dict[str, str], group: str, real: bool) -> Example:
    text = row["context"]
    spans = _locate(row["quote"], text)
    mention = _mention(row.get("speaker") or "", text, spans)
    return Example(text, StanceQuestion(spans, Span(0, len(text)), mention), StanceLabel(row["label"]), group, real)


def _locate(quote: str, context: str) -> tuple[Span, ...]:
    """Where the quotation stands; one that the reporter interrupts is found piece by piece, longest pieces first.

    Raises ValueError when nothing of it is in the context.
    """
    words = list(re.finditer(r"\S+", quote))
    spans: list[Span] = []
    first = 0
    while first < len(words):
        after = spans[-1].end if spans else 0
        for last in range(len(words) - 1, first - 1, -1):
            piece = quote[words[first].start() : words[last].end()]
            # Joining the pieces, "We tried." she said may have become "We tried," and the other way round.
            found = [
                (start, form)
                for form in (piece, piece.rstrip(",."))
                if form and (start := context.find(form, after)) >= 0
            ]
            if found:
                start, form = found[0]
                spans.append(Span(start, start + len(form)))
                first = last
                break
        first += 1
    if not spans:
        raise ValueError(f"the quotation does not stand in its context: {quote!r}")
    return tuple(spans)


def _mention(speaker: str, context: str, quotation: Sequence[Span]) -> tuple[Span, ...]:
    """The run of words outside the quotation that shares most content words with the speaker's description."""
    wanted = {word.lower() for word in _WORD.findall(speaker)}
    best: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for match in _WORD.finditer(context):
        outside = not any(span.start < match.end() and match.start() < span.end for span in quotation)
        run = [*run, match] if outside and match.group().lower() in wanted else []
        if _content(run) > _content(best):
            best = run
    return (Span(best[0].start(), best[-1].end()),) if best else ()


def _content(run: Sequence[re.Match[str]]) -> int:
    return sum(match.group().lower() not in _LITTLE for match in run)


def _tied(rows: Sequence[dict[str, str]]) -> list[str]:
    """One name for all conflicts that a contrast set ties together."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            name = parents[name]
        return name

    conflicts = [_conflict(row["conflict"]) for row in rows]
    for row, conflict in zip(rows, conflicts, strict=True):
        if "group" in row:
            parents[root("contrast set " + row["group"])] = root(conflict)
    return [root(conflict) for conflict in conflicts]


def _conflict(name: str) -> str:
    """ "Gaza (UK politics)" and "Gaza, seen from abroad" are Gaza; "Israel-Iran" is "Iran-Israel"."""
    plain = re.sub(r"\(.*?\)|,.*", "", name).casefold().strip()
    return "-".join(sorted(plain.split("-")))
