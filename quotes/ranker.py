"""The learned part of attribution: which candidate speaks, whether anybody does, whom a pronoun means, and how sure that is.

Linear models over sparse features (scikit-learn), trained by models/attribution on the training part of PolNeAR. Four choose
one of several or none (conditional logits, McFadden 1974): `speaker` among the candidates of a quotation, `antecedent` among
those whom a pronoun may mean, `head` and `antecedent_head` among the same by what these and a small transformer
(quotes.speaker_encoder) say. Two are logistic regressions: `speech` says whether the quoted words were said at all, `answer`
whether the name that came out of all this is right. They are stored with skops and loaded against a fixed list of types.
"""

import math
from collections.abc import Sequence
from typing import Any

from quotes import artefacts
from quotes.artefacts import Artefact
from quotes.candidates import Candidate, Features
from quotes.cues import noun_class
from quotes.document import Quotation, Span
from quotes.errors import ArtefactAltered
from quotes.names import Named
from quotes.speaker_encoder import Questions, SpeakerEncoder

FILE = "attribution.skops"
# skops itself trusts scikit-learn's and numpy's own types; nothing else is needed, and nothing else is let in.
TRUSTED: list[str] = []
# The transformer is asked where the likeliest candidate and nobody have less than these: see models/attribution/README.md for
# what other bounds give and take.
_ASKED_BELOW, _NOBODY_ASKED_BELOW = 0.6, 0.8
LEAST = 1e-4  # probabilities are not taken for less


class SpeakerRanker:
    """The loaded models."""

    def __init__(
        self,
        models: dict[str, Any],
        encoder: SpeakerEncoder,
        settings: dict[str, float],
        artefact: Artefact | None = None,
    ) -> None:
        self._models = {name: LinearModel(model) for name, model in models.items()}
        self.encoder = encoder
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
        encoder = SpeakerEncoder.load(artefact.folder)
        return cls(load(path, trusted=TRUSTED), encoder, artefact.manifest["settings"], artefact)

    def rank(
        self, quotation: Quotation, candidates: Sequence[Candidate], questions: Questions
    ) -> list[tuple[float, Candidate]]:
        """The candidates with the probability that each is the quotation's speaker, the likeliest first; together at most 1."""
        chances = self._models["speaker"].choice([c.features for c in candidates])
        if unsure(chances):
            odds = self.encoder.odds(questions.speaker(quotation.spans, [c.mention for c in candidates]))
            chances = self._models["head"].choice(head_features(chances, odds))
        return sorted(zip(chances, candidates, strict=True), key=lambda pair: -pair[0])

    def antecedents(
        self,
        questions: Questions,
        candidates: Sequence[Features],
        pronoun: Span,
        words: Sequence[Span],
        mentions: Sequence[Span],
    ) -> list[float]:
        """The probability of each candidate, kept in view by its mention, to be the one whom a pronoun means, that stands for who
        says the words; together at most 1."""
        chances = self._models["antecedent"].choice(candidates)
        if unsure(chances):
            odds = self.encoder.odds(questions.antecedent(words, pronoun, mentions))
            chances = self._models["antecedent_head"].choice(head_features(chances, odds))
        return chances

    def answer(self, features: Features) -> float:
        """The probability that the name given to a quotation's speaker is right."""
        return self._models["answer"].probabilities([features])[0]

    def speech(self, features: Features) -> float:
        """The probability that quoted words with these features were said by somebody."""
        return self._models["speech"].probabilities([features])[0]


def unsure(chances: Sequence[float]) -> bool:
    """Whether the transformer is to be asked of candidates with these probabilities by the linear model."""
    return bool(chances) and max(chances) < _ASKED_BELOW and 1 - sum(chances) < _NOBODY_ASKED_BELOW


def head_features(chances: Sequence[float], odds: Sequence[float]) -> list[Features]:
    """What two models say of each candidate: `chances` by the linear one, log-odds against nobody by the transformer."""
    nobody = math.log(max(LEAST, 1 - sum(chances)))
    return [
        {"linear": math.log(max(LEAST, chance)) - nobody, "encoder": odd, "either": 1.0}
        for chance, odd in zip(chances, odds, strict=True)
    ]


def answer_features(
    best: float,
    rival: float,
    mention: float,
    speech: float,
    candidate: Candidate,
    named: Named,
    before: float | None,
) -> Features:
    """Features from which the probability that a name is right is read.

    `best` is how likely the name is by all that speaks for it, `rival` by how much the next one is, `mention` how likely the
    mention that it was read from, `speech` that the words are anybody's; `before` is the probability of the name for the
    quotation that this one goes on from, None where it does not.
    """
    f: Features = {
        "best": _logit(best),
        "rival": _logit(rival),
        "mention": _logit(mention),
        "speech": _logit(speech),
        f"way={named.way}": 1.0,
        f"rule={candidate.rule}": 1.0,
        f"kind={named.kind}": 1.0,
        f"way={named.way}&definite={candidate.definite}": 1.0,
    }
    if named.probability < 1:
        f[f"antecedent of {named.way}"] = _logit(named.probability)
    if before is not None:
        f["before"] = _logit(before)
    if named.way in ("description", "owned", "noun in view"):
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
    p = max(LEAST, min(1 - LEAST, p))
    return math.log(p / (1 - p))
