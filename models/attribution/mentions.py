"""Training of the ranker of mentions, and of what tells speech from other quoted words."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.pipeline import Pipeline

from models.attribution.examples import Example
from models.attribution.fitting import (
    choices_left_out,
    choices_out_of_fold,
    fit_choice,
    fit_sparse,
    out_of_fold,
    sparse_left_out,
)
from quotes.candidates import Features
from quotes.ranker import LinearModel, head_features, unsure
from quotes.speech import speech_features

SEED = 20261124
# Swept by cross-validation on PolNeAR train: the penalty over 0.5, 1, 2, 4, the inverse strength of regularisation of `speech`
# over 0.03, 0.1, 0.3, 1.
PENALTY_SPEAKER, C_SPEECH = 0.5, 0.3
PENALTY_HEAD = 0.1  # three weights on a thousand choices: of no account


@dataclass(frozen=True, slots=True)
class Fitted:
    """The models `speaker`, `head` and `speech`, those of the folds, their settings, and the cross-validated scores."""

    models: dict[str, Pipeline]
    folds: list[dict[str, Pipeline]]
    settings: dict[str, float]
    report: dict[str, object]


def fit(data: list[Example], odds_of: Callable[[int], list[float]], polnear_articles: int) -> Fitted:
    """Fit on quotations of all articles; the first `polnear_articles` of them are PolNeAR's.

    `odds_of` asks an encoder that has not seen the article of the example with this number.
    """
    groups = [e.article for e in data]
    choices = [([c.features for c in e.candidates], [e.right(c) for c in e.candidates]) for e in data]
    # where somebody speaks and nothing marks who, there is nothing to learn of mentions
    marked = [i for i, e in enumerate(data) if e.gold is not None or not e.spoken]
    learned = [choices[i] for i in marked]
    speakers = choices_left_out(learned, [groups[i] for i in marked], PENALTY_SPEAKER)
    linear = choices_out_of_fold(choices, groups, speakers)

    asked = {i: head_features(c, odds_of(i)) for i, c in enumerate(linear) if unsure(c)}
    head = fit_choice([(asked[i], choices[i][1]) for i in marked if i in asked], PENALTY_HEAD)
    judge = LinearModel(head)
    chances = [judge.choice(asked[i]) if i in asked else chance for i, chance in enumerate(linear)]

    rows = [_speech_row(e, chance) for e, chance in zip(data, chances, strict=True)]
    spoken = [e.spoken for e in data]
    speeches = sparse_left_out(rows, spoken, groups, C_SPEECH)
    speech = out_of_fold(rows, groups, speeches)

    models = {
        "speaker": fit_choice(learned, PENALTY_SPEAKER),
        "head": head,
        "speech": fit_sparse(rows, spoken, C_SPEECH),
    }
    threshold = _best_threshold(speech, spoken)
    thresholds = sorted({0.3, threshold, 0.5, 0.6})
    theirs = [i for i, e in enumerate(data) if e.article < polnear_articles]
    report = {
        "mention": _mention_scores(data, chances, theirs),
        "mention_linear_alone": _mention_scores(data, linear, theirs),
        "mention_own_articles": _mention_scores(data, chances, sorted(set(range(len(data))) - set(theirs))),
        "asked": round(len(asked) / len(data), 3),
        "speech_f1": {t: round(_f1(speech >= t, spoken), 4) for t in thresholds},
        "speech_f1_short": {t: round(_f1(*_short(data, speech >= t, spoken)), 4) for t in thresholds},
    }
    folds = [{"speaker": one, "head": head, "speech": other} for one, other in zip(speakers, speeches, strict=True)]
    return Fitted(models, folds, {"speech_threshold": threshold}, report)


def _speech_row(example: Example, chances: Sequence[float]) -> Features:
    ranked = sorted(zip(chances, example.candidates, strict=True), key=lambda pair: -pair[0])
    return speech_features(example.text, example.quotation, example.parse, ranked, example.previous_was_speech)


def _best_threshold(scores: np.ndarray, labels: list[bool]) -> float:
    options = [round(t, 2) for t in np.arange(0.2, 0.75, 0.02)]
    return float(max(options, key=lambda t: _f1(scores >= t, labels)))


def _f1(guesses: np.ndarray, labels: list[bool]) -> float:
    gold = np.array(labels)
    both = float((guesses & gold).sum())
    return 2 * both / max(1.0, float(guesses.sum() + gold.sum()))


def _short(data: list[Example], guesses: np.ndarray, labels: list[bool]) -> tuple[np.ndarray, list[bool]]:
    kept = [i for i, e in enumerate(data) if _words(e) <= 4]
    return guesses[kept], [labels[i] for i in kept]


def _words(example: Example) -> int:
    return sum(len(s.of(example.text).split()) for s in example.quotation.spans)


def _mention_scores(
    data: Sequence[Example], chances: Sequence[Sequence[float]], chosen: Sequence[int]
) -> dict[str, list[float]]:
    """How often the likeliest candidate is the right one, with its 95 % interval by bootstrap over articles, for full and short
    quotations and all; of those chosen, where there is a right one to find."""
    asked = [i for i in chosen if data[i].gold is not None and len(chances[i]) > 0]
    right = np.array([data[i].right(data[i].candidates[int(np.argmax(chances[i]))]) for i in asked], dtype=float)
    sizes, articles = np.array([_words(data[i]) for i in asked]), np.array([data[i].article for i in asked])
    rng = np.random.default_rng(SEED)
    result = {}
    for name, kept in (("full", sizes > 4), ("short", sizes <= 4), ("all", sizes >= 0)):
        values, where = right[kept], articles[kept]
        by_article = [values[where == a] for a in np.unique(where)]
        draws = [
            np.concatenate([by_article[i] for i in rng.integers(0, len(by_article), len(by_article))]).mean()
            for _ in range(500)
        ]
        low, high = np.percentile(draws, [2.5, 97.5])
        result[name] = [round(float(x), 4) for x in (values.mean(), low, high)] + [len(values)]
    return result
