"""Questions asked of one parsed sentence: who is the subject, what is the noun phrase, what governs what.

Relations are those of Universal Dependencies. Word positions are indices into `Sentence.words`.
"""

from collections.abc import Iterator
from functools import cached_property

from quotes.cues import SAYING
from quotes.document import Span
from quotes.parsing import Sentence, Word

NOMINAL = frozenset({"NOUN", "PROPN", "PRON"})
_SUBJECTS = ("nsubj", "nsubj:outer", "csubj")
# Dependents that belong to a noun phrase as the reader sees it; relative clauses and appositions are left out.
_PHRASE = frozenset(
    {"det", "amod", "compound", "nmod:poss", "poss", "flat", "flat:name", "nummod", "goeswith", "fixed"}
)

# Words that say when, not who: “the campaign on Monday”.
TIMES = frozenset(
    """monday tuesday wednesday thursday friday saturday sunday week month year day morning afternoon evening night today
    yesterday january february march april june july august september october november december time hour minute""".split()
)


class Tree:
    """A parsed sentence with its dependents at hand."""

    def __init__(self, sentence: Sentence) -> None:
        self.sentence = sentence
        self.words = sentence.words
        self._read_reporting_verbs()

    def _read_reporting_verbs(self) -> None:
        """Make a verb of what the tagger took for a noun with a name before it: “Orrin notes”, “Velkamp answers”."""
        for position, word in enumerate(self.words):
            before = self.words[position - 1] if position else None
            if (
                before is not None
                and word.upos == "NOUN"
                and word.text[:1].islower()
                and word.text.endswith("s")
                and word.lemma in SAYING
                and before.upos == "PROPN"
                and before.head == position
            ):
                word.upos, word.xpos, before.relation = "VERB", "VBZ", "nsubj"

    @cached_property
    def dependents(self) -> list[list[int]]:
        """For each word the positions of the words it governs, in order."""
        result: list[list[int]] = [[] for _ in self.words]
        for position, word in enumerate(self.words):
            if 0 <= word.head < len(self.words) and word.head != position:
                result[word.head].append(position)
        return result

    def ancestors(self, position: int) -> Iterator[int]:
        """The governors of a word, nearest first."""
        seen = {position}
        position = self.words[position].head
        while 0 <= position < len(self.words) and position not in seen:
            seen.add(position)
            yield position
            position = self.words[position].head

    def is_verb(self, position: int) -> bool:
        """Whether the word is a verb that heads a clause (auxiliaries are not)."""
        word = self.words[position]
        return word.upos == "VERB" or (word.upos == "AUX" and not word.relation.startswith(("aux", "cop")))

    def subject(self, verb: int) -> int | None:
        """The subject of a verb: its own, or by control, coordination or a relative clause that of its governor."""
        position, steps = verb, 0
        while steps < 4:
            own = self._own_subject(position)
            if own is not None:
                return self._antecedent(own)
            word = self.words[position]
            if not 0 <= word.head < len(self.words):
                return None
            relation = word.relation.split(":")[0]
            if relation == "acl":
                return word.head if self.words[word.head].upos in NOMINAL else None
            if relation not in ("conj", "xcomp", "advcl", "aux", "cop", "ccomp", "parataxis"):
                return None
            if relation in ("ccomp", "parataxis") and self.words[position].xpos != "VBG":
                return None
            position = word.head
            steps += 1
        return None

    def _own_subject(self, verb: int) -> int | None:
        for dependent in self.dependents[verb]:
            if self.words[dependent].relation in _SUBJECTS and self.words[dependent].upos in NOMINAL | {
                "DET",
                "ADJ",
                "NUM",
            }:
                return dependent
        # “was quoted by X”: the agent speaks
        if any(self.words[d].relation in ("nsubj:pass", "aux:pass") for d in self.dependents[verb]):
            for dependent in self.dependents[verb]:
                if self.words[dependent].relation.startswith("obl") and any(
                    self.words[c].text.lower() == "by" for c in self.dependents[dependent]
                ):
                    return dependent
            if self.words[verb].lemma in ("quote", "ask", "report"):
                for dependent in self.dependents[verb]:
                    if self.words[dependent].relation == "nsubj:pass":
                        return dependent
        return None

    def _antecedent(self, subject: int) -> int:
        """For “who” and “which” the noun that the relative clause belongs to."""
        if self.words[subject].text.lower() not in ("who", "which", "that"):
            return subject
        for governor in self.ancestors(subject):
            if self.words[governor].relation == "acl:relcl":
                head = self.words[governor].head
                return head if 0 <= head < len(self.words) else subject
        return subject

    def reporters_of(self, verb: int) -> Iterator[int]:
        """The subjects of the verbs in whose reports a verb stands, the nearest first: X, in “X said that Y called it …”."""
        position = verb
        for governor in self.ancestors(verb):
            relation = self.words[position].relation.split(":")[0]
            if relation not in ("ccomp", "conj", "xcomp", "advcl", "aux", "cop"):
                return
            if relation == "ccomp" and self.words[governor].lemma.lower() in SAYING:
                subject = self.subject(governor)
                if subject is not None:
                    yield subject
            position = governor

    def is_passive(self, verb: int) -> bool:
        """Whether the verb is in the passive."""
        return any(self.words[d].relation in ("nsubj:pass", "aux:pass") for d in self.dependents[verb])

    def phrase(self, head: int) -> Span:
        """The span of the noun phrase around its head, without relative clauses and appositions."""
        members = list(self._phrase_members(head))
        first, last = min(members), max(members)
        return Span(self.words[first].start, self.words[last].end)

    def _phrase_members(self, head: int) -> Iterator[int]:
        """The head and what belongs to it; a preposition belongs to an inner phrase only (“of the council”)."""
        yield head
        for dependent in self.dependents[head]:
            relation = self.words[dependent].relation
            after = relation.split(":")[0] in ("nmod", "obl") and dependent > head
            near = relation in _PHRASE or (after and self.words[dependent].lemma.lower() not in TIMES)
            if near and self._joins(head, dependent):
                if relation.split(":")[0] in ("nmod", "obl"):
                    yield from (c for c in self.dependents[dependent] if self.words[c].relation == "case")
                yield from self._phrase_members(dependent)

    def _joins(self, head: int, dependent: int) -> bool:
        """No quotation mark, comma or dash lies between a head and its dependent."""
        low, high = sorted((head, dependent))
        return not any(
            w.text in {'"', ",", ";", ":", "-", "–", "—", "("} and _apart(w, self.words) for w in self.words[low:high]
        )

    def governors(self, inside: list[int]) -> dict[int, int]:
        """Words outside `inside` that govern words of it, and their order from the nearest."""
        within = set(inside)
        steps: dict[int, int] = {}
        for position in inside:
            for count, governor in enumerate(self.ancestors(position)):
                if governor not in within and count < steps.get(governor, 1000):
                    steps[governor] = count
        return {governor: order for order, governor in enumerate(sorted(steps, key=lambda g: steps[g]))}

    def top(self, position: int, allowed: set[int]) -> int:
        """The head of the noun phrase that a word belongs to, among `allowed` words."""
        for _ in range(len(self.words)):
            word = self.words[position]
            inner = word.relation.split(":")[0] in ("compound", "flat", "amod", "det", "nummod", "appos")
            if not (inner and word.head in allowed and self.words[word.head].upos in NOMINAL):
                break
            position = word.head
        return position


def _apart(mark: Word, words: list[Word]) -> bool:
    """A hyphen glued to its neighbours (Geneva-based) is no break."""
    if mark.text != "-":
        return True
    return not any(w.end == mark.start or w.start == mark.end for w in words)
