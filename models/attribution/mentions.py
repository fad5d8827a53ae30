"""Training of the ranker of mentions, and of what tells speech from other quoted words."""

import numpy as np
from sklearn.pipeline import Pipeline

from models.attribution.examples import Example
from models.attribution.fitting import calibration_error, fit_sparse, out_of_fold
from quotes.candidates import Candidate
from quotes.ranker import confidence_features
from quotes.speech import speech_features

SEED = 20261124
# Inverse strength of regularisation, swept over 0.03, 0.1, 0.3, 1 by cross-validation on PolNeAR train.
C_SPEAKER, C_SPEECH = 0.3, 0.3


def fit(data: list[Example], polnear_articles: int) -> tuple[dict[str, Pipeline], dict[str, float], dict[str, object]]:
    """The models `speaker`, `confidence` and `speech`, the threshold of speech, and the cross-validated scores."""
    rows = [c.features for e in data for c in e.candidates]
    labels = [e.right(c) for e in data for c in e.candidates]
    groups = [e.article for e in data for _ in e.candidates]
    scores = iter(out_of_fold(rows, labels, groups, C_SPEAKER).tolist())
    ranked = [sorted([(next(scores), c) for c in e.candidates], key=lambda pair: -pair[0]) for e in data]

    spoken = [(e, r) for e, r in zip(data, ranked, strict=True) if e.gold is not None and r]
    sure_rows = [confidence_features(r) for _, r in spoken]
    sure_labels = [e.right(r[0][1]) for e, r in spoken]
    sure_groups = [e.article for e, _ in spoken]
    sure = out_of_fold(sure_rows, sure_labels, sure_groups, 1.0)

    speech_rows = [
        speech_features(e.text, e.quotation, e.parse, r, e.previous_was_speech)
        for e, r in zip(data, ranked, strict=True)
    ]
    speech_labels = [e.gold is not None for e in data]
    speech = out_of_fold(speech_rows, speech_labels, [e.article for e in data], C_SPEECH)

    models = {
        "speaker": fit_sparse(rows, labels, C_SPEAKER),
        "confidence": fit_sparse(sure_rows, sure_labels, 1.0),
        "speech": fit_sparse(speech_rows, speech_labels, C_SPEECH),
    }
    settings = {
        "speech_threshold": _best_threshold(speech, speech_labels),
    }
    report = {
        "mention": _by_size(*_of_articles(spoken, sure_labels, range(polnear_articles))),
        "mention_own_articles": _by_size(*_of_articles(spoken, sure_labels, range(polnear_articles, 10**6))),
        "speech_f1": {t: round(_f1(speech >= t, speech_labels), 4) for t in (0.3, 0.4, 0.5, 0.6)},
        "speech_f1_short": {
            t: round(_f1(*_short(data, speech >= t, speech_labels)), 4)
            for t in (0.3, settings["speech_threshold"], 0.5, 0.6)
        },
        "confidence_ece": round(calibration_error(sure, sure_labels), 4),
        "answered": {
            t: [round(float(np.mean(sure >= t)), 4), round(float(np.mean(np.array(sure_labels)[sure >= t])), 4)]
            for t in (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
        },
    }
    return models, settings, report


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


def _of_articles(
    spoken: list[tuple[Example, list[tuple[float, Candidate]]]], right: list[bool], articles: range
) -> tuple[list[Example], list[float]]:
    kept = [(e, float(ok)) for (e, _), ok in zip(spoken, right, strict=True) if e.article in articles]
    return [e for e, _ in kept], [ok for _, ok in kept]


def _by_size(data: list[Example], right: list[float]) -> dict[str, list[float]]:
    """Accuracy with its 95 % interval by bootstrap over articles, for full and short quotations and all."""
    result = {}
    rng = np.random.default_rng(SEED)
    articles = np.array([e.article for e in data])
    for name, keep in (("full", lambda n: n > 4), ("short", lambda n: n <= 4), ("all", lambda n: True)):
        chosen = np.array([keep(_words(e)) for e in data])
        values, where = np.array(right)[chosen], articles[chosen]
        by_article = [values[where == a] for a in np.unique(where)]
        draws = [
            np.concatenate([by_article[i] for i in rng.integers(0, len(by_article), len(by_article))]).mean()
            for _ in range(500)
        ]
        low, high = np.percentile(draws, [2.5, 97.5])
        result[name] = [round(float(x), 4) for x in (values.mean(), low, high)] + [len(values)]
    return result
