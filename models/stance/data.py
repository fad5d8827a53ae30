"""Labelled quotations, read into questions for the classifier, with groups that cross-validation must not split.

Two kinds of file, both JSON Lines with `quote`, `context` and `label`:

- published ones cut from news: `document`; `speech` is false for titles and terms, which are labelled `none`;
- written ones: `speaker`, `conflict`, and `group` where quotations form a contrast set.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from quotes.document import Span
from quotes.stance_features import StanceQuestion

_WORD = re.compile(r"\w+(?:['’-]\w+)*")
_LITTLE = frozenset("a an the of in on at for to from by with and or who is as".split())


@dataclass(frozen=True, slots=True)
class Example:
    """A labelled quotation; its question's spans count in `text`. Examples of one `group` belong together."""

    id: str
    text: str
    quote: str
    question: StanceQuestion
    label: str
    group: str
    conflict: str
    role: str
    real: bool


def read_examples(path: Path, labels: Sequence[str]) -> list[Example]:
    """The quotations of a file. Published ones are grouped by document, written ones by conflict; a contrast set ties its
    conflicts together.

    Raises ValueError, which names the line, for a row that cannot be used.
    """
    rows = []
    for line, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            row = json.loads(text)
            if row["label"] not in labels:
                raise ValueError(f"the label {row['label']!r} is none of {', '.join(labels)}")
            rows.append({"id": f"{path.stem} {line}", **row, "spans": _locate(row["quote"], row["context"])})
        except (KeyError, TypeError, ValueError) as error:
            what = f"there is no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"{path}, line {line}: {what}") from None
    groups = _tied(rows)
    return [_example(row, row.get("document") or group) for row, group in zip(rows, groups, strict=True)]


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


def _example(row: dict[str, Any], group: str) -> Example:
    text, spans, speaker = row["context"], row["spans"], row.get("speaker") or ""
    question = StanceQuestion(spans, Span(0, len(text)), _mention(speaker, text, spans))
    conflict = _conflict(row.get("conflict") or "")
    return Example(
        row["id"], text, row["quote"], question, row["label"], group, conflict, role(speaker), "document" in row
    )


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


def _tied(rows: Sequence[dict[str, Any]]) -> list[str]:
    """One name for all conflicts that a contrast set ties together."""
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            name = parents[name]
        return name

    conflicts = [_conflict(row["conflict"]) if row.get("conflict") else f"row {row['id']}" for row in rows]
    for row, conflict in zip(rows, conflicts, strict=True):
        if "group" in row:
            parents[root("contrast set " + row["group"])] = root(conflict)
    return [root(conflict) for conflict in conflicts]


# Who speaks, by the first of these words in the speaker's description.
_ROLES = {
    "armed group": "rebel rebels militia militias guerrilla guerrillas insurgent fighter fighters hamas hezbollah houthi houthis "
    "taliban gang warlord front resistance underground movement brigades paramilitary commander",
    "army": "army military general colonel captain major sergeant soldier soldiers reservist officer admiral lieutenant "
    "corporal marshal brigade troops navy",
    "United Nations and aid": "un united envoy mediator mediators unicef aid relief red humanitarian peacekeeping delegate "
    "council",
    "government": "minister ministry president presidential government premier chancellor secretary prime cabinet kremlin house "
    "ambassador diplomat foreign spokesman spokeswoman official king governor presidency",
    "parliament and parties": "lawmaker senator deputy deputies congresswoman congressman parliament opposition party mp "
    "backbencher councillor member",
}


def role(speaker: str) -> str:
    """What sort of speaker a description names, for slices of the scores: "army", "government", … or "others"."""
    words = _WORD.findall(speaker.lower())
    return next((name for name, signs in _ROLES.items() if set(words) & set(signs.split())), "others")


def _conflict(name: str) -> str:
    """ "Gaza (UK politics)" and "Gaza, seen from abroad" are Gaza; "Israel-Iran" is "Iran-Israel"."""
    plain = re.sub(r"\(.*?\)|,.*", "", name).casefold().strip()
    return "-".join(sorted(plain.split("-")))
