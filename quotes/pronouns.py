"""Whom “he” and “she” mean: the people in a reader's view.

Everybody with a name, and everybody described (“a nurse”), comes into view where mentioned. Pronouns outside quotations are
followed in order, each keeping its person in view for the next. Salience, a sum of a few plain reasons, orders the people in
view; a learned model (models/attribution) reads it together with the rivals' to say who is meant, and how sure that is.
"""

import math
from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from quotes.cues import SAYING
from quotes.document import Span
from quotes.parsing import Parse
from quotes.people import HE, SHE, Cluster, People

Features = dict[str, float]
Chooser = Callable[[Sequence[Features], Span, Sequence[Span], Sequence[Span]], Sequence[float]]
"""From the features of each candidate, the pronoun, the words quoted, and the mention that keeps each candidate in view, to the
probability that it is the one meant; together at most 1."""

# What makes a mention salient: swept, one at a time around these, on the speakers of 160 PolNeAR training articles, by the
# pronouns that come out right (PREVIOUS_SPEAKER 0.75 to 2.5, PER_SENTENCE 0.6 to 1.3, KNOWN_GENDER 1.5 to 5, SUBJECT 1.2 to 2.5).
PER_SENTENCE, SUBJECT, PREVIOUS_SPEAKER, KNOWN_GENDER, INSIDE_QUOTATION, POSSESSIVE = 1.0, 1.8, 1.5, 4.0, -2.0, -1.0
INNER_SUBJECT = 0.4  # subject of a clause within another
OFTEN = 0.1  # a mention
REACH = 6  # sentences back from which on all distances are one
PASSES = 3  # of learning genders; up to 12 are equal
_ASKING = frozenset("ask press question tell remind challenge interview confront".split())
FARTHEST = 60  # mentions back that are looked at
MOST_MEANT = 3


@dataclass(frozen=True, slots=True)
class Role:
    """What a mention is in its sentence: the salience that gives, and the verb whose subject or object it is."""

    weight: float
    subject: bool = False
    verb: int | None = None
    lemma: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A mention that keeps a person in view; `weight` is what its place gives to their salience."""

    span: Span
    cluster: Cluster
    sentence: int
    weight: float
    role: Role
    quoted: bool
    gender: str | None = None  # of the pronoun, where it is one

    def start(self) -> int:
        """Where it begins."""
        return self.span.start


@dataclass(frozen=True, slots=True)
class InSight:
    """A person whom a pronoun may mean, the mention that makes them most salient, and how salient that is."""

    cluster: Cluster
    view: View
    salience: float


@dataclass(frozen=True, slots=True)
class Antecedent:
    """Whom a pronoun may mean, and the probability of that."""

    cluster: Cluster
    probability: float


class InView:
    """The people of one article as a reader has them in view, from its beginning to its end."""

    def __init__(self, text: str, parse: Parse, people: People, described: Sequence[tuple[Span, Cluster]]) -> None:
        self.text = text
        self.parse = parse
        self._people = people
        named = [(m, c) for c in people.people for m in c.mentions]
        self._mentions = sorted((self._view(m, c) for m, c in [*named, *described]), key=View.start)
        self._pronouns = [
            Span(word.start, word.end)
            for sentence in parse.sentences
            for word in sentence.words
            if word.text.lower() in HE | SHE and not people.is_quoted(Span(word.start, word.end))
        ]
        self._views = self._mentions
        self._learn_genders()

    def _learn_genders(self) -> None:
        """Share every pronoun among those it may mean, and so learn who is a woman and who a man, until that settles.

        Expectation and maximisation over the whole article: one pronoun near two people says little, ten of them much.
        """
        clusters = {id(view.cluster): view.cluster for view in self._mentions}
        known = {key: dict(cluster.genders) for key, cluster in clusters.items()}
        for turn in range(PASSES):
            shares = {key: dict(genders) for key, genders in known.items()}
            self._views = list(self._mentions)
            for span in self._pronouns:
                gender = gender_of(span.of(self.text))
                seen = self.in_sight(span, gender, None)
                if not seen:
                    continue
                odds = [math.exp(one.salience - seen[0].salience) for one in seen]
                for one, share in zip(seen, odds, strict=True):
                    shares[id(one.cluster)][gender] += share / sum(odds)
                if turn:  # in the first pass nothing is known, and a wrong one would draw all later ones after it
                    insort(self._views, self._view(span, seen[0].cluster, gender), key=View.start)
            for key, cluster in clusters.items():
                cluster.genders = shares[key]

    def antecedents(
        self, span: Span, gender: str | None, speaker: Cluster | None, words: Sequence[Span], choose: Chooser
    ) -> list[Antecedent]:
        """The people who may be meant at `span`, the likeliest first, `MOST_MEANT` at most; none where nobody is in view.

        `gender` is "f", "m" or None where the words do not say; `speaker` is the last to speak; `words` are those quoted from
        the person meant.
        """
        seen = self.in_sight(span, gender, speaker)
        if not seen:
            return []
        chances = choose(
            self.features(span, gender, speaker, words, seen), span, words, [one.view.span for one in seen]
        )
        meant = [Antecedent(one.cluster, chance) for one, chance in zip(seen, chances, strict=True)]
        return sorted(meant, key=lambda one: -one.probability)[:MOST_MEANT]

    def in_sight(self, span: Span, gender: str | None, speaker: Cluster | None) -> list[InSight]:
        """The people in view before `span` who can be meant, the most salient first."""
        here = self.parse.sentence_number(span.start)
        best: dict[int, InSight] = {}
        for view in reversed(self._views[: bisect_left(self._views, span.start, key=View.start)][-FARTHEST:]):
            cluster = view.cluster
            if gender is not None and (cluster.gender not in (None, gender) or view.gender not in (None, gender)):
                continue
            salience = view.weight - PER_SENTENCE * min(here - view.sentence, REACH)
            if gender is not None:
                salience += KNOWN_GENDER * cluster.leaning(gender)
            if speaker is cluster:
                salience += PREVIOUS_SPEAKER
            if id(cluster) not in best or salience > best[id(cluster)].salience:
                best[id(cluster)] = InSight(cluster, view, salience)
        return sorted(best.values(), key=lambda seen: -seen.salience)

    def features(
        self, span: Span, gender: str | None, speaker: Cluster | None, words: Sequence[Span], seen: Sequence[InSight]
    ) -> list[Features]:
        """What the learned model is told of each person in sight."""
        here = self.parse.sentence_number(span.start)
        rest = Span(span.end, max(span.end, self.parse.sentences[here].end))
        verb = self._role(span).verb
        last = self._people.last_quoted(min([span.start, *(quoted.start for quoted in words)]))
        fresh = [one for one in seen if one.view.role.subject and one.view.span.start >= last]
        result = []
        for rank, one in enumerate(seen):
            rival = seen[1].salience if rank == 0 and len(seen) > 1 else seen[0].salience
            lead = max(-3.0, min(3.0, one.salience - rival)) if len(seen) > 1 else 3.0
            distance, role = min(here - one.view.sentence, REACH), one.view.role
            f: Features = {
                "salience": max(-6.0, min(4.0, one.salience)),
                "lead": lead,
                f"rank={min(rank, 3)}": 1.0,
                f"rank={min(rank, 3)}&rivals={min(len(seen) - 1, 3)}": 1.0,
                f"distance={distance}": 1.0,
                f"subject={role.subject}&distance={min(distance, 2)}": 1.0,
                f"reporting={role.subject and role.lemma in SAYING}&distance={min(distance, 2)}": 1.0,
                f"asked={not role.subject and role.lemma in _ASKING}&distance={min(distance, 2)}": 1.0,
                f"subject since={one in fresh}&others={len([o for o in fresh if o is not one]) > 0}": 1.0,
                f"full name={len(one.view.span.of(self.text).split()) > 1}&distance={min(distance, 3)}": 1.0,
                f"mentions={min(len(one.cluster.mentions), 4)}": 1.0,
                f"quoted={one.view.quoted}": 1.0,
                f"speaker={speaker is one.cluster}&subject since={len(fresh) > 0}": 1.0,
                f"named={one.cluster.name[:1].isupper()}": 1.0,
            }
            # People speak of others by name, of themselves as “I”; and who is named after “she” in its sentence is not she.
            if any(m.overlaps(quoted) for quoted in words for m in one.cluster.mentions):
                f["named in the words"] = 1.0
            after = [m for m in one.cluster.mentions if rest.contains(m) and not self._people.is_quoted(m)]
            if after:
                f["named after"] = 1.0
            if verb is not None and any(self._role(m).verb == verb for m in after):  # “he told Orrin”: not Orrin
                f["of the same verb"] = 1.0
            if gender is not None:
                f["leaning"] = one.cluster.leaning(gender)
                f[f"known={one.cluster.gender == gender}&rank={min(rank, 2)}"] = 1.0
            if self.parse.sentences[one.view.sentence].paragraph == self.parse.sentences[here].paragraph:
                f["same paragraph"] = 1.0
            result.append(f)
        return result

    def _view(self, span: Span, cluster: Cluster, gender: str | None = None) -> View:
        weight = OFTEN * min(len(cluster.mentions), 10)
        quoted, role = self._people.is_quoted(span), self._role(span)
        if quoted:
            weight += INSIDE_QUOTATION
        weight += role.weight
        if self.text[span.end : span.end + 1] in ("'", "’"):
            weight += POSSESSIVE
        return View(span, cluster, self.parse.sentence_number(span.start), weight, role, quoted, gender)

    def _role(self, mention: Span) -> Role:
        sentence = self.parse.sentences[self.parse.sentence_number(mention.start)]
        for word in sentence.words:
            if mention.start <= word.start < mention.end and word.relation.startswith(("nsubj", "obj", "iobj")):
                verb = sentence.words[word.head]
                if not word.relation.startswith("nsubj"):
                    return Role(0.0, False, word.head, verb.lemma)
                main, steps = verb, 0
                while main.relation.split(":")[0] in ("conj", "cop", "aux", "xcomp") and steps < 4:
                    main, steps = sentence.words[main.head], steps + 1
                return Role(SUBJECT if main.relation == "root" else INNER_SUBJECT, True, word.head, verb.lemma)
        before = [w for w in sentence.words if w.end <= mention.start and w.text[:1].isalnum()]
        first = not sentence.parsed and len(before) <= 4
        return Role(SUBJECT if first else 0.0, first)


def gender_of(pronoun: str) -> str:
    """ "m" for “he”, “him”, “his”; "f" for “she”, “her”."""
    return "m" if pronoun.lower() in HE else "f"
