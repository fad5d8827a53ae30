"""The learned part of attribution: which candidate speaks, whether anybody does, whom a pronoun means, and how sure that is.

Linear models over sparse features (scikit-learn), trained by models/attribution on the training part of PolNeAR. Two choose
one of several or none (conditional logits, McFadden 1974): `speaker` among the candidates of a quotation, `antecedent` among
those whom a pronoun may mean. Two are logistic regressions: `speech` says whether the quoted words were said at all, `answer`
whether the name that came out of all this is right. They are stored with skops and loaded against a fixed list of types.
"""

import math
from collections.abc import Sequence
from typing import Any

from quotes import artefacts
from quotes.artefacts import Artefact
from quotes.candidates import Candidate, Features
from quotes.cues import noun_class
from quotes.errors import ArtefactAltered
from quotes.names import Named

FILE = "attribution.skops"
# skops itself trusts scikit-learn's and numpy's own types; nothing else is needed, and nothing else is let in.
TRUSTED: list[str] = []


class SpeakerRanker:
    """The loaded models."""

    def __init__(self, models: dict[str, Any], settings: dict[str, float], artefact: Artefact | None = None) -> None:
        self._models = {name: LinearModel(model) for name, model in models.items()}
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

    def rank(self, candidates: Sequence[Candidate]) -> list[tuple[float, Candidate]]:
        """The candidates with the probability that each is the speaker, the likeliest first; together at most 1."""
        chances = self._models["speaker"].choice([c.features for c in candidates])
        return sorted(zip(chances, candidates, strict=True), key=lambda pair: -pair[0])

    def antecedents(self, candidates: Sequence[Features]) -> list[float]:
        """The probability of each candidate to be the one whom a pronoun means; together at most 1."""
        return self._models["antecedent"].choice(candidates)

    def answer(self, features: Features) -> float:
        """The probability that the name given to a quotation's speaker is right."""
        return self._models["answer"].probabilities([features])[0]

    def speech(self, features: Features) -> float:
        """The probability that quoted words with these features were said by somebody."""
        return self._models["speech"].probabilities([features])[0]


def answer_features(
    best: float, rival: float, mention: float, candidate: Candidate, named: Named, before: float | None
) -> Features:
    """Features from which the probability that a name is right is read.

    `best` is how likely the name is by all that speaks for it, `rival` by how much the next one is, `mention` how likely the
    mention that it was read from; `before` is the probability of the name for the quotation that this one goes on from, None
    where it does not.
    """
    f: Features = {
        "best": _logit(best),
        "rival": _logit(rival),
        "mention": _logit(mention),
        f"way={named.way}": 1.0,
        f"rule={candidate.rule}": 1.0,
        f"kind={named.kind}": 1.0,
        f"way={named.way}&definite={candidate.definite}": 1.0,
    }
    if named.probability < 1:
        f[f"antecedent of {named.way}"] = _logit(named.probability)
    if before is not None:
        f["before"] = _logit(before)
    if named.way in ("description", "owned"):
        f[f"{named.way}&noun={noun_class(candidate.head.lower())}"] = 1.0
        f[f"head={candidate.head.lower()}"] = 1.0
    return f


class LinearModel:
    """A fitted (DictVectorizer, LogisticRegression) pipeline as a table of weights: the same sums, a hundred times faster."""

    def __init__(self, pipeline: Any) -> None:
        vectorizer, regression = pipeline.steps[0][1], pipeline.steps[-1][1]
        self._weights = dict(zip(vectorizer.feature_names_, regression.coef_[0].tolist(), strict=True))
        self._bias = float(regression.intercept_[0])

    def probabilities(self, rows: Sequence[Features]) -> list[float]:
        """The probability that each row is true, by itself."""
        return [_sigmoid(score) for score in self._scores(rows)]

    def choice(self, rows: Sequence[Features]) -> list[float]:
        """The probability that each row is the one chosen among them, or none, whose score is 0 (a conditional logit)."""
        scores = self._scores(rows)
        most = max([0.0, *scores])
        odds = [math.exp(score - most) for score in scores]
        total = sum(odds) + math.exp(-most)
        return [one / total for one in odds]

    def _scores(self, rows: Sequence[Features]) -> list[float]:
        weights = self._weights
        return [self._bias + sum(weights.get(name, 0.0) * value for name, value in row.items()) for row in rows]


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-40.0, min(40.0, x))))


def _logit(p: float) -> float:
    p = max(1e-4, min(1 - 1e-4, p))
    return math.log(p / (1 - p))
