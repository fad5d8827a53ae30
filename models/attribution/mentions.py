"""Training of the ranker of mentions, and of what tells speech from other quoted words."""

import numpy as np
from sklearn.pipeline import Pipeline

from models.attribution.examples import Example
from models.attribution.fitting import choices_out_of_fold, fit_choice, fit_sparse, out_of_fold
from quotes.candidates import Candidate
from quotes.speech import speech_features

SEED = 20261124
# Swept by cross-validation on PolNeAR train: the penalty over 0.5, 1, 2, 4, the inverse strength of regularisation of `speech`
# over 0.03, 0.1, 0.3, 1.
PENALTY_SPEAKER, C_SPEECH = 0.5, 0.3


def fit(data: list[Example], polnear_articles: int) -> tuple[dict[str, Pipeline], dict[str, float], dict[str, object]]:
    """The models `speaker` and `speech`, the threshold of speech, and the cross-validated scores."""
    groups = [e.article for e in data]
    choices = [([c.features for c in e.candidates], [e.right(c) for c in e.candidates]) for e in data]
    chances = choices_out_of_fold(choices, groups, PENALTY_SPEAKER)
    ranked = [
        sorted(zip(chance, e.candidates, strict=True), key=lambda pair: -pair[0])
        for chance, e in zip(chances, data, strict=True)
    ]
    spoken = [(e, r) for e, r in zip(data, ranked, strict=True) if e.gold is not None and r]
    right = [e.right(r[0][1]) for e, r in spoken]

    speech_rows = [
        speech_features(e.text, e.quotation, e.parse, r, e.previous_was_speech)
        for e, r in zip(data, ranked, strict=True)
    ]
    speech_labels = [e.gold is not None for e in data]
    speech = out_of_fold(speech_rows, speech_labels, groups, C_SPEECH)

    models = {
        "speaker": fit_choice(choices, PENALTY_SPEAKER),
        "speech": fit_sparse(speech_rows, speech_labels, C_SPEECH),
    }
    settings = {"speech_threshold": _best_threshold(speech, speech_labels)}
    report = {
        "mention": _by_size(*_of_articles(spoken, right, range(polnear_articles))),
        "mention_own_articles": _by_size(*_of_articles(spoken, right, range(polnear_articles, 10**6))),
        "speech_f1": {t: round(_f1(speech >= t, speech_labels), 4) for t in (0.3, 0.4, 0.5, 0.6)},
        "speech_f1_short": {
            t: round(_f1(*_short(data, speech >= t, speech_labels)), 4)
            for t in (0.3, settings["speech_threshold"], 0.5, 0.6)
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
