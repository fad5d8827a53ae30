"""Train the stance classifier: `python -m models.stance.train [DATA …] [--real FILE] [--work DIR] [--check]`.

Prints grouped cross-validated scores, fits on everything, and writes the model with its manifest into models/stance.

DATA is this project's own quotations (those of seeds/stance unless told otherwise). --real is published quotations labelled by
the same guideline; they stay outside the repository. Without them the classifier has not seen how often news talks of war and
takes no stance, and calls far too much a stance: the model that is shipped was trained on both.

The encoder is fine-tuned six times, once for each fold and once on everything: an hour of a core. With --work what has been done
is kept, so that a run that was stopped goes on where it was; the cross-validated answers are written there too, as test sets that
`quotes evaluate stance` measures and slices.

Another target has the same machinery: `--target NAME --labels LABEL,LABEL,… DATA …` writes models/NAME, which
`StanceClassifier.load(artefacts.find(NAME))` reads. Its encoder starts from the shipped one, which knows how people ask and
refuse.

With --check nothing is written: a model trained anew on the same files must answer and score like the one that is there.
"""

import argparse
import hashlib
import json
import os
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import skops.io
from safetensors.torch import load_file, save_file
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from models import minilm
from models.stance import finetuning, scores
from models.stance.data import Example, folds, known_words, read_examples
from quotes import artefacts
from quotes.document import StanceLabel
from quotes.stance import FILE, HEAD, SURE, WORDS, StanceClassifier, Vocabulary, judged
from quotes.stance_encoder import Network, PieceReader, Pieces, StanceEncoder
from quotes.stance_features import read
from quotes.transformer import PIECES, WEIGHTS, WordPieces, packed

TARGET = "stance"  # toward a ceasefire
SEEDS = Path(__file__).parent.parent.parent / "seeds" / "stance"
WRITTEN = [
    SEEDS / f"{name}.jsonl"
    for name in (
        "labelled",
        "rule2",
        "consequence_a",
        "consequence_b",
        "roles",
        "news_look",
        "press_cut",
        "press_passages",
        "press_held_back",
        "press_more",
        "verdicts",
    )
]
SEED = 20240325
OUTER, INNER = 3, 3
# Cross-validated on both kinds with C 0.08, 0.1, 0.15, 0.2, 0.4 and min_df 2, 3, 5, 8: macro-F1 moves by less than 0.01
# on the written ones and by up to 0.02 on the real ones, whose interval is far wider; min_df 3 halves the file.
C, MIN_DF = 0.15, 3
HEAD_C = 1.0
RARE = 1 / 3  # 0: all examples count alike; 1: all labels do
# An answer is uncertain below the lowest threshold from which on so many answers are right, on either kind of quotation.
RIGHT = 0.85
THRESHOLDS = [round(0.05 * step, 2) for step in range(5, 20)]

Rows = Sequence[dict[str, float]]


@dataclass(frozen=True)
class Data:
    """The examples with what the two models see of them."""

    examples: list[Example]
    labels: tuple[str, ...]  # sorted: the order of scikit-learn's classes_
    known: frozenset[str]
    rows: list[dict[str, float]]
    pieces: list[Pieces]

    @classmethod
    def read(cls, files: Sequence[Path], labels: Sequence[str], words: WordPieces) -> "Data":
        """Read files of quotations. Raises ValueError for a row that cannot be used."""
        examples = [example for path in files for example in read_examples(path, labels)]
        known = known_words(examples)
        reader = PieceReader(words)
        seen = [read(example.text, example.question, known) for example in examples]
        rows, pieces = [features.values for _, features in seen], [reader.read(tokens) for tokens, _ in seen]
        return cls(examples, tuple(sorted(labels)), known, rows, pieces)

    @property
    def truth(self) -> np.ndarray:
        """The place of each example's label among `labels`."""
        return np.array([self.labels.index(example.label) for example in self.examples])

    def weights(self, chosen: np.ndarray) -> list[float]:
        """How much each of these examples counts for the encoder: more where its label is rare among its kind."""
        strata = [(self.examples[i].real, self.examples[i].label) for i in chosen]
        counts, of_kind = Counter(strata), Counter(real for real, _ in strata)
        return [(of_kind[real] / len(self.labels) / counts[real, label]) ** RARE for real, label in strata]

    def splits(self, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Positions to train and to test; no group is on both sides."""
        return folds(self.examples, count, SEED)


def pick(items: Sequence[Any], positions: Iterable[int]) -> list[Any]:
    """The items at these positions."""
    return [items[i] for i in positions]


# --- the three models ---


def fit_linear(examples: Sequence[Example], rows: Rows) -> Pipeline:
    """The linear model, fitted; its temperature is set on answers to groups that were left out."""
    regression = LogisticRegression(C=C, tol=1e-3, max_iter=300)
    splits = folds(examples, INNER, SEED)
    pipeline = Pipeline(
        [
            ("vocabulary", Vocabulary(MIN_DF)),
            ("idf", TfidfTransformer(norm=None)),
            ("classify", CalibratedClassifierCV(regression, method="temperature", cv=splits, ensemble=False)),
        ]
    )
    return pipeline.fit(rows, np.array([example.label for example in examples]))


@dataclass(frozen=True)
class Start:
    """What fine-tuning begins with: MiniLM for a ceasefire, for another target the shipped encoder with fresh labels."""

    words: WordPieces
    network: Callable[[], Network]

    @classmethod
    def of(cls, target: str, labels: int) -> "Start":
        """The beginning for a target."""
        if target == TARGET:
            return cls(minilm.word_pieces(), lambda: finetuning.untrained(labels, SEED))
        shipped = StanceEncoder.load(artefacts.MODELS / TARGET)
        return cls(shipped.reader.words, lambda: finetuning.with_fresh_labels(shipped, labels, SEED))


def fit_encoder(data: Data, train: np.ndarray, start: Start, kept: Path | None) -> StanceEncoder:
    """The encoder, fine-tuned on some of the data; from `kept` where that has been done."""
    truth = data.truth
    weights = data.weights(train)
    settings = (
        finetuning.SETTINGS,
        SEED,
        weights,
        [(data.pieces[i].ids, data.pieces[i].kinds, int(truth[i])) for i in train],
    )
    path = kept and kept / f"encoder-{hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:16]}.safetensors"
    if path and path.is_file():
        return StanceEncoder(start.words, load_file(path))
    network = start.network()
    neutral = [data.pieces[i] for i in train if data.examples[i].real and data.examples[i].label == StanceLabel.NONE]
    finetuning.fine_tune(network, pick(data.pieces, train), truth[train].tolist(), weights, neutral, SEED)
    encoder = StanceEncoder(start.words, packed(network.state_dict()))
    if path:
        save_file(encoder.weights, path)
    return encoder


def fit_head(linear: np.ndarray, encoder: np.ndarray, truth: np.ndarray, labels: Sequence[str]) -> LogisticRegression:
    """The judge of both models' probabilities, fitted where the linear model is not sure by itself."""
    asked = linear.max(axis=1) < SURE
    logs = np.log(np.clip(np.hstack([linear, encoder]), 1e-6, None))
    return LogisticRegression(C=HEAD_C, max_iter=1000).fit(logs[asked], np.array(labels)[truth[asked]])


def together(head: LogisticRegression, linear: np.ndarray, encoder: np.ndarray) -> np.ndarray:
    """The classifier's probabilities: the head's, or the linear model's where that is sure."""
    return np.where(linear.max(axis=1, keepdims=True) < SURE, judged(head, linear, encoder), linear)


# --- measuring ---


def cross_validate(data: Data, start: Start, kept: Path | None) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of shape (examples, labels) by the linear model and by the encoder, each by models that have seen nothing
    of the example's group."""
    linear = np.zeros((len(data.examples), len(data.labels)))
    encoder = np.zeros_like(linear)
    for number, (train, test) in enumerate(data.splits(OUTER), 1):
        print(f"fold {number} of {OUTER}: {len(train)} to train, {len(test)} to test", flush=True)
        linear[test] = fit_linear(pick(data.examples, train), pick(data.rows, train)).predict_proba(
            pick(data.rows, test)
        )
        print("  the encoder:", flush=True)
        encoder[test] = fit_encoder(data, train, start, kept).probabilities(pick(data.pieces, test))
        print(
            f"  macro-F1 {_macro_f1(data, test, linear):.3f} (linear), {_macro_f1(data, test, encoder):.3f} (encoder)"
        )
    return linear, encoder


def _macro_f1(data: Data, chosen: np.ndarray, probabilities: np.ndarray) -> float:
    answers = probabilities[chosen].argmax(axis=1)
    return float(scores.class_scores(scores.confusion(data.truth[chosen], answers, len(data.labels)))[2].mean())


def cross_validate_head(data: Data, linear: np.ndarray, encoder: np.ndarray) -> np.ndarray:
    """The classifier's probabilities, the head fitted on the answers to the other folds."""
    truth = data.truth
    result = np.zeros_like(linear)
    for train, test in data.splits(OUTER):
        head = fit_head(linear[train], encoder[train], truth[train], data.labels)
        result[test] = together(head, linear[test], encoder[test])
    return result


def report(name: str, data: Data, chosen: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Print the scores of some of the quotations and return them for the manifest."""
    examples, truth, shares = pick(data.examples, chosen), data.truth[chosen], probabilities[chosen]
    found = scores.intervals(truth, shares, [example.group for example in examples], SEED)
    matrix = scores.confusion(truth, shares.argmax(axis=1), len(data.labels))
    by_class = scores.class_scores(matrix)
    print(f"\n{name}: {len(examples)} quotations in {len({e.group for e in examples})} groups")
    for key, (value, low, high) in found.items():
        print(f"  {key:18} {value:.3f}  [{low:.3f}, {high:.3f}]")
    print(f"  {'':12} precision recall    f1     n   predicted as {' '.join(f'{label:>11}' for label in data.labels)}")
    for i, label in enumerate(data.labels):
        numbers = "  ".join(f"{value:.3f}" for value in by_class[:, i])
        counts = " ".join(f"{count:11}" for count in matrix[i])
        print(f"  {label:12}     {numbers} {matrix[i].sum():5}                {counts}")
    print("  threshold  answered  of these right  label among the two likeliest of the others")
    for threshold, answered, right, in_two in scores.coverage(truth, shares, THRESHOLDS):
        print(f"  {threshold:9.2f}  {answered:8.2f}  {right:14.3f}  {in_two:.3f}")
    labels = {
        label: dict(zip(("precision", "recall", "f1"), by_class[:, i].round(3).tolist(), strict=True))
        for i, label in enumerate(data.labels)
    }
    return {"quotations": len(examples), **found, "labels": labels}


def kinds(data: Data) -> dict[str, np.ndarray]:
    """The positions of the written and of the real quotations, where there are any."""
    real = np.array([example.real for example in data.examples])
    return {name: np.flatnonzero(mask) for name, mask in (("written", ~real), ("real", real)) if mask.any()}


def threshold(data: Data, probabilities: np.ndarray) -> float:
    """The lowest threshold from which on enough answers are right, on either kind of quotation."""
    curves = [scores.coverage(data.truth[chosen], probabilities[chosen], THRESHOLDS) for chosen in kinds(data).values()]
    return next((points[0][0] for points in zip(*curves, strict=True) if all(p[2] >= RIGHT for p in points)), 1.0)


def write_answers(folder: Path, data: Data, probabilities: np.ndarray) -> None:
    """The cross-validated answers as test sets with predictions, one a kind."""
    for name, chosen in kinds(data).items():
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8") as stream:
            for i in chosen:
                example = data.examples[i]
                row = {
                    "id": example.id,
                    "quote": example.quote,
                    "context": example.text,
                    "label": example.label,
                    "group": example.group,
                    "conflict": example.conflict,
                    "role": example.role,
                    "prediction": data.labels[probabilities[i].argmax()],
                    "probabilities": dict(zip(data.labels, probabilities[i].round(6).tolist(), strict=True)),
                }
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")


# --- writing and checking ---


def write(folder: Path, model: StanceClassifier, data: Data, manifest: dict[str, Any]) -> None:
    """Write the model, the list of known words and the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WORDS).write_text("\n".join(sorted(data.known)) + "\n", encoding="utf-8")
    skops.io.dump(model.linear, folder / FILE, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    skops.io.dump(model.head, folder / HEAD, compression=zipfile.ZIP_DEFLATED, compresslevel=9)
    save_file(model.encoder.weights, folder / WEIGHTS)
    model.encoder.reader.words.tokeniser.save(str(folder / PIECES), pretty=False)
    names = (FILE, HEAD, WORDS, WEIGHTS, PIECES)
    packages = ("scikit-learn", "skops", "numpy", "torch", "tokenizers", "safetensors")
    manifest = {
        "files": {name: _digest(folder / name) for name in names},
        "versions": {package: version(package) for package in packages},
        **manifest,
    }
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    megabytes = {name: round((folder / name).stat().st_size / 1e6, 1) for name in names}
    print(f"\nwrote {folder}: {megabytes} MB")


def check(folder: Path, model: StanceClassifier, data: Data, results: dict[str, Any]) -> None:
    """Compare with what is there; SystemExit with the difference when it is not the same model."""
    shipped = StanceClassifier.load(artefacts.find(folder.name))
    answers = [
        [
            one.label(example.text, example.question.quotation, example.question.context).label
            for example in data.examples
        ]
        for one in (shipped, model)
    ]
    same = np.mean([a == b for a, b in zip(*answers, strict=True)])
    before = shipped.artefact.manifest["scores"] if shipped.artefact else {}
    gaps = {kind: abs(before[kind]["macro_f1"][0] - results[kind]["macro_f1"][0]) for kind in results}
    print(f"\nthe shipped model and this one agree on {same:.1%} of the quotations; macro-F1 differs by {gaps}")
    if same < 0.95 or max(gaps.values()) > 0.02:
        raise SystemExit("this is not the shipped model, or these are not its scores")
    print("the shipped model is one that this recipe makes, and its manifest has these scores")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _described(path: Path) -> dict[str, Any]:
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    labels = Counter(row["label"] for row in rows)
    return {"file": path.name, "sha256": _digest(path), "quotations": len(rows), "labels": dict(sorted(labels.items()))}


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, measure, fit, and write or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*", help="labelled quotations, JSON Lines (default: seeds/stance)")
    parser.add_argument("--real", type=Path, help="published quotations; used for fitting, not copied")
    parser.add_argument("--target", default=TARGET, help="the name of the model; stance: toward a ceasefire")
    parser.add_argument("--labels", default=",".join(StanceLabel), help="the labels of the data, with commas between")
    parser.add_argument("--work", type=Path, help="a folder to keep fine-tuned folds and cross-validated answers in")
    parser.add_argument("--check", action="store_true", help="write nothing, compare with the model that is there")
    args = parser.parse_args(argv)
    if args.target != TARGET and not args.data:
        parser.error("name the files of labelled quotations for the target")
    labels = args.labels.split(",")
    if len(set(labels)) < 3 or len(set(labels)) < len(labels):
        parser.error("name three labels or more, each once: two for the sides and one for neither")
    folder = artefacts.models_folder() / args.target
    if folder.exists() and not (folder / FILE).is_file():
        parser.error(f"{folder} holds another kind of model; give the target another name")
    files = [*(args.data or WRITTEN), *([args.real] if args.real else [])]
    if args.target == TARGET and not args.real:
        print("no --real: this model will call too much a stance in news")
    if args.work:
        args.work.mkdir(parents=True, exist_ok=True)

    start = Start.of(args.target, len(labels))
    try:
        data = Data.read(files, labels, start.words)
    except (OSError, ValueError) as error:
        raise SystemExit(str(error)) from None
    linear, encoder = cross_validate(data, start, args.work)
    both = cross_validate_head(data, linear, encoder)
    results = {}
    for kind, chosen in kinds(data).items():
        report(f"{kind}, the linear model alone", data, chosen, linear)
        report(f"{kind}, the encoder alone", data, chosen, encoder)
        results[kind] = report(kind, data, chosen, both)
    if args.work:
        write_answers(args.work, data, both)
    everything = np.arange(len(data.examples))
    uncertain_below = threshold(data, both)
    model = StanceClassifier(
        fit_linear(data.examples, data.rows),
        data.known,
        fit_encoder(data, everything, start, args.work),
        fit_head(linear, encoder, data.truth, data.labels),
        uncertain_below,
    )
    if args.check:
        check(folder, model, data, results)
        return
    settings = {"C": C, "min_df": MIN_DF, "head_C": HEAD_C, "encoder": finetuning.SETTINGS}
    manifest = {
        "seed": SEED,
        "licence": "CC BY 4.0; the encoder Apache-2.0, as MiniLM",
        "data": [_described(path) for path in files],
        "settings": {**settings, "sure": SURE, "uncertain_below": uncertain_below},
        "scores": results,
    }
    write(folder, model, data, manifest)


if __name__ == "__main__":
    main()
