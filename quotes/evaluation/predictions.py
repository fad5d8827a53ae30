"""The answers of a system to a test set, out of a file, and which answer belongs to which row."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quotes.document import StanceLabel
from quotes.errors import BadRows, InputError
from quotes.evaluation.tables import BadCell, BadRow, Record, Table, listed, read_table
from quotes.evaluation.testsets import LABEL, LABELS, LabelMap, StanceSet, label_of, stance_called

PREDICTION = ("prediction", "predicted", *LABEL)  # what the column is called
_SUM = 0.02  # how far from 1 probabilities may sum up, since they may have been rounded


@dataclass(frozen=True, slots=True)
class Prediction:
    """A system's answer to a row, with the probability of each of LABELS where it gives them."""

    line: int
    id: str | None
    label: StanceLabel
    probabilities: tuple[float, ...] | None = None


def read_predictions(path: Path, mapping: LabelMap) -> list[Prediction]:
    """The answers of a system, in order. Raises InputError, or BadRows where a row is no answer."""
    table = read_table(path)
    label = table.recognised(PREDICTION)
    predictions, bad = predicted(table, label, mapping)
    if bad:
        raise BadRows(listed(path, table.size, bad))
    return predictions


def predicted(table: Table, column: str, mapping: LabelMap) -> tuple[list[Prediction], list[BadRow]]:
    """The answers in a table, and the rows that are none; probabilities are given in all rows or in none."""
    predictions: list[Prediction] = []
    bad = list(table.bad)
    for record in table.records:
        try:
            label = label_of(record, column, mapping)
            shares = _probabilities(record, mapping)
            if predictions and (shares is None) is not (predictions[0].probabilities is None):
                raise BadCell("probabilities", "give probabilities in all rows or in none")
            predictions.append(Prediction(record.line, record.text("id"), label, shares))
        except BadCell as error:
            bad.append(BadRow.of(record, error))
    return predictions, sorted(bad, key=lambda row: row.position)


def matched(test: StanceSet, predictions: Sequence[Prediction], name: str) -> list[Prediction]:
    """The prediction for each row: by id where all have one, else by position. Raises InputError, which names `name`."""
    if any(row.id is None for row in test.rows) or any(one.id is None for one in predictions):
        if len(predictions) != test.size:
            some = f"{len(predictions)} rows where the test set has {test.size}"
            raise InputError(f"{name}: it has {some}; give every row of both an “id”, or one row for each in order")
        return [predictions[row.position] for row in test.rows]
    by_id: dict[str | None, Prediction] = {}
    for one in predictions:
        if (first := by_id.setdefault(one.id, one)) is not one:
            raise InputError(f"{name}, line {one.line}: it repeats the id of line {first.line}; leave one of them out")
    lines: dict[str | None, int] = {}
    for row in test.rows:
        if (before := lines.setdefault(row.id, row.line)) != row.line:
            raise InputError(f"the test set, line {row.line}: it repeats the id of line {before}; ids must differ")
    if absent := [row.id for row in test.rows if row.id not in by_id]:
        raise InputError(f"{name}: it has no row for {len(absent)} of {len(test.rows)} ids, “{absent[0]}” the first")
    return [by_id[row.id] for row in test.rows]


def _probabilities(record: Record, mapping: LabelMap) -> tuple[float, ...] | None:
    """The probabilities of LABELS: a cell “probabilities” (an object), or cells called like labels; None without."""
    given = record.cells.get("probabilities")
    if given is None:
        names = {*LABELS, *mapping}
        given = {name: cell for name, cell in record.cells.items() if name in names and cell not in ("", None)}
        if not given:
            return None
    if not isinstance(given, Mapping):
        raise BadCell("probabilities", "“probabilities” is no object")
    shares = dict.fromkeys(LABELS, 0.0)
    for name, share in given.items():
        shares[stance_called(name, "probabilities", mapping)] += _share(share)
    total = sum(shares.values())
    if abs(total - 1) > _SUM:
        raise BadCell("probabilities", f"the probabilities sum up to {total:.3g}, not to 1")
    return tuple(share / total for share in shares.values())


def _share(value: Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError, OverflowError):
        share = -1.0
    if not 0 <= share <= 1:
        raise BadCell("probabilities", f"the probability {json.dumps(value)} is no number from 0 to 1")
    return share
