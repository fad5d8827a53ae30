"""The learned part of attribution: which candidate speaks, whether anybody does, whom a pronoun means, and how sure that is.

Logistic regressions over sparse features (scikit-learn), trained by models/attribution on the training part of PolNeAR:
`speaker` scores each candidate of a quotation, `confidence` turns the two best scores into the probability that the best is
right, `speech` says whether the quoted words were said at all; `antecedent` and `antecedent_confidence` do the same for those
whom a pronoun may mean; `answer` says whether the name that came out of all this is right. They are stored with skops and
loaded against a fixed list of types.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from quotes import artefacts
from quotes.artefacts import Artefact
from quotes.candidates import Candidate, Features
from quotes.cues import PERSON_NOUNS
from quotes.errors import ArtefactAltered
from quotes.names import Named

FILE = "attribution.skops"
# skops itself trusts scikit-learn's and numpy's own types; nothing else is needed, and nothing else is let in.
TRUSTED: list[str] = []


@dataclass(frozen=True, slots=True)
class Ranking:
    """A quotation's candidates, best first, with their scores, and the probability that the best one speaks."""

    ranked: list[tuple[float, Candidate]]
    confidence: float


class SpeakerRanker:
    """The loaded models."""

    def __init__(self, models: dict[str, Any], settings: dict[str, float], artefact: Artefact | None = None) -> None:
        self._models = {name: _Sparse(model) for name, model in models.items()}
        self.speech_threshold = settings["speech_threshold"]
        self.speaker_threshold = settings["speaker_threshold"]
        self.artefact = artefact

    @classmethod
    def load(cls) -> "SpeakerRanker":
        """Load models/attribution. Raises ArtefactMissing or ArtefactAltered."""
        from skops.io import get_untrusted_types, load

        artefact = artefacts.find("attribution")
        path = artefact.folder / FILE
        unknown = sorted(set(get_untrusted_types(file=path)) - set(TRUSTED))
        if unknown:
            raise ArtefactAltered(f"{path} holds types that are not on the list: {', '.join(unknown)}; train it anew")
        return cls(load(path, trusted=TRUSTED), artefact.manifest["settings"], artefact)

    def rank(self, candidates: list[Candidate]) -> Ranking:
        """Order candidates by how likely each is the speaker."""
        if not candidates:
            return Ranking([], 0.0)
        scores = self._models["speaker"].probabilities([c.features for c in candidates])
        ranked = sorted(zip(scores, candidates, strict=True), key=lambda pair: -pair[0])
        confidence = self._models["confidence"].probabilities([confidence_features(ranked)])[0]
        return Ranking(ranked, confidence)

    def antecedent(self, candidates: Sequence[Features]) -> tuple[int, float]:
        """The likeliest antecedent of a pronoun among candidates, as its position, and the probability that it is right."""
        scores = self.antecedent_scores(candidates)
        best = max(range(len(scores)), key=scores.__getitem__)
        return best, self._models["antecedent_confidence"].probabilities([antecedent_confidence_features(scores)])[0]

    def antecedent_scores(self, candidates: Sequence[Features]) -> list[float]:
        """How likely each candidate is to be meant, taken alone."""
        return self._models["antecedent"].probabilities(candidates)

    def answer(self, features: Features) -> float:
        """The probability that the name given to a quotation's speaker is right."""
        return self._models["answer"].probabilities([features])[0]

    def speech(self, features: Features) -> float:
        """The probability that quoted words with these features were said by somebody."""
        return self._models["speech"].probabilities([features])[0]


def confidence_features(ranked: list[tuple[float, Candidate]]) -> Features:
    """Features from which the probability that the best candidate is right is read."""
    best, candidate = ranked[0]
    rival = next((score for score, other in ranked if other.mention != candidate.mention), 0.0)
    return {"best": _logit(best), "rival": _logit(rival), "rule=" + candidate.rule: 1.0}


def antecedent_confidence_features(scores: Sequence[float]) -> Features:
    """Features from which the probability that the best antecedent is right is read."""
    best, rival = sorted([*scores, 0.0], reverse=True)[:2]
    return {"best": _logit(best), "rival": _logit(rival)}


def answer_features(ranking: Ranking, candidate: Candidate, named: Named, before: float | None) -> Features:
    """Features from which the probability that a name is right is read.

    `before` is that probability for the quotation that this one goes on from, None where it does not.
    """
    f: Features = {
        "mention": _logit(ranking.confidence),
        f"way={named.way}": 1.0,
        f"rule={candidate.rule}": 1.0,
        f"kind={named.kind}": 1.0,
        f"way={named.way}&definite={candidate.definite}": 1.0,
    }
    if named.antecedent is not None:
        f[f"antecedent of {named.way}"] = _logit(named.antecedent)
    if before is not None:
        f["before"] = _logit(before)
    if named.way == "description":
        f[f"person noun={candidate.head.lower() in PERSON_NOUNS}"] = 1.0
        f[f"head={candidate.head.lower()}"] = 1.0
    return f


class _Sparse:
    """A fitted (DictVectorizer, LogisticRegression) pipeline as a table of weights: the same sums, a hundred times faster."""

    def __init__(self, pipeline: Any) -> None:
        vectorizer, regression = pipeline.steps[0][1], pipeline.steps[-1][1]
        self._weights = dict(zip(vectorizer.feature_names_, regression.coef_[0].tolist(), strict=True))
        self._bias = float(regression.intercept_[0])

    def probabilities(self, rows: Sequence[Features]) -> list[float]:
        weights = self._weights
        return [
            _sigmoid(self._bias + sum(weights.get(name, 0.0) * value for name, value in row.items())) for row in rows
        ]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, x))))


def _logit(p: float) -> float:
    p = max(1e-4, min(1 - 1e-4, p))
    return math.log(p / (1 - p))
