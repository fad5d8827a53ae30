"""Candidate speakers of a quotation, each with the cue that ties it to the words and features for the ranker.

Candidates come from the reporter's words in the quotation's own sentences (subjects of verbs, “according to”, owners of
nouns such as *statement*, other names and pronouns), from the sentences beside it where it has none of its own, and from the
quotations before and after it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from quotes.cues import CHARACTERISING, DOCUMENTS, NOUNS, SAYING, noun_class
from quotes.document import Quotation, QuotationKind, Span
from quotes.parsing import Parse
from quotes.people import is_pronoun
from quotes.surroundings import Surroundings
from quotes.syntax import NOMINAL, TIMES, Tree

Features = dict[str, float]

_INDEFINITE = frozenset("a an one another some several two three four five many few most both".split())


@dataclass(slots=True)
class Candidate:
    """A mention that may be the speaker: where, by which rule, with which cue."""

    mention: Span
    head: str  # lemma of the mention's head word
    rule: str
    cue: Span | None
    lemma: str = ""  # the cue's
    definite: bool = True
    relays: tuple[Span, ...] = ()  # mentions of those who pass the words on
    features: Features = field(default_factory=dict)


class Candidates:
    """Finds the candidates of the quotations of one article."""

    def __init__(self, text: str, quotations: Sequence[Quotation], parse: Parse) -> None:
        self._text = text
        self._around = Surroundings(text, quotations, parse)

    def of(self, quotation: Quotation, previous: Candidate | None, before: Quotation | None) -> list[Candidate]:
        """The candidates of a quotation; `previous` is the one chosen for the quotation `before` it."""
        found: list[Candidate] = []
        own = self._around.around(quotation)
        for number in own:
            for span in quotation.spans:
                sentence = self._around.parse.sentences[number]
                if span.start < sentence.end and sentence.start < span.end:
                    found.extend(self._in_sentence(number, span))
        found.extend(self._beside(quotation, own))
        found.extend(self._signed(quotation))
        if previous is not None and before is not None:
            found.append(self._continued(quotation, previous, before))
        best = _one_a_mention(found)
        _compare(best)
        shape = self._shape(quotation, own, before)
        quoted = {word for span in quotation.spans for word in re.findall(r"[A-Z]\w+", span.of(self._text))}
        for candidate in best:
            self._describe(candidate)
            if (
                candidate.mention.of(self._text).split()[-1] in quoted
            ):  # people speak of others by name, of themselves as “I”
                candidate.features["named in the words"] = 1.0
                candidate.features[f"{candidate.rule}&named in the words&{quotation.kind}"] = 1.0
            kind = _first(candidate.features, "kind=")
            for name in shape:
                candidate.features[f"{candidate.rule}&{name}"] = 1.0
            candidate.features[f"{candidate.rule}&{kind}"] = 1.0
        return best

    # ------------------------------------------------------------------------------ in the quotation's own sentences

    def _in_sentence(self, number: int, span: Span) -> Iterator[Candidate]:
        tree = self._around.tree(number)
        words = tree.words
        quoted = [
            i for i, w in enumerate(words) if span.start <= w.start < span.end and any(c.isalnum() for c in w.text)
        ]
        if not quoted:
            return
        reporter = self._around.reporter(number)
        outside = set(reporter)
        governors = tree.governors(quoted)
        verbs = [i for i in reporter if tree.is_verb(i)]
        taken: set[int] = set()
        for position in reporter:
            word = words[position]
            lemma = word.lemma.lower()
            if word.text.lower() == "according":
                head = self._after(tree, position, outside)
                if head is not None:
                    to = words[min(position + 1, len(words) - 1)]
                    candidate = self._candidate(tree, head, Span(word.start, to.end), "according_to", "according")
                    yield self._placed(candidate, tree, position, quoted, span, governors, verbs)
                    taken.add(head)
            elif tree.is_verb(position):
                for head, how in self._subjects(tree, position, outside, lemma):
                    candidate = self._candidate(tree, head, Span(word.start, word.end), "verb", lemma)
                    candidate.features[f"subject={how}"] = 1.0
                    candidate.features[f"subject={how}&governs={position in governors}&group={_group(lemma)}"] = 1.0
                    if how == "modified":
                        candidate.features.pop("oblique", None)  # “on a resolution calling for”: of the other clause
                    if tree.is_passive(position):
                        candidate.features["passive"] = 1.0
                    candidate.relays = self._relays(tree, position, candidate.mention, outside)
                    yield self._placed(candidate, tree, position, quoted, span, governors, verbs)
                    taken.add(head)
            elif lemma in NOUNS:
                for head in self._owners(tree, position, outside):
                    rule = "document" if head == position else "noun"
                    cue = None if head == position else Span(word.start, word.end)
                    candidate = self._candidate(tree, head, cue, rule, lemma)
                    yield self._placed(candidate, tree, position, quoted, span, governors, verbs)
                    taken.add(head)
        for position in reporter:
            if self._is_mention(tree, position) and position not in taken:
                head = tree.top(position, outside)
                if head not in taken:
                    taken.add(head)
                    candidate = self._candidate(tree, head, None, "near", "")
                    candidate.features["relation=" + words[head].relation.split(":")[0]] = 1.0
                    yield self._placed(candidate, tree, head, quoted, span, governors, verbs)

    def _relays(self, tree: Tree, verb: int, speaker: Span, outside: set[int]) -> tuple[Span, ...]:
        heads = [tree.top(subject, outside) for subject in tree.reporters_of(verb) if subject in outside]
        mentions = (self._candidate(tree, head, None, "", "").mention for head in heads)
        return tuple(mention for mention in mentions if not mention.overlaps(speaker))

    def _placed(
        self,
        candidate: Candidate,
        tree: Tree,
        position: int,
        quoted: list[int],
        span: Span,
        governors: dict[int, int],
        verbs: list[int],
    ) -> Candidate:
        """Add where the cue stands to the quoted words, and how syntax ties them."""
        f = candidate.features
        place = tree.words[position].start
        side = "after" if position > quoted[-1] else "before" if position < quoted[0] else "within"
        distance = min(abs(position - quoted[0]), abs(position - quoted[-1]))
        between = [v for v in verbs if min(position, quoted[0]) < v < max(position, quoted[-1]) and v != position]
        rule = candidate.rule
        group = _group(candidate.lemma)
        mark = (
            (
                "comma"
                if span.of(self._text)[-1:] in ",?!—–-"
                else "stop"
                if span.of(self._text)[-1:] in ".…"
                else "open"
            )
            if side == "after"
            else ({":": "colon", ",": "comma"}.get(self._text[: span.start].rstrip("“\"'‘„« ")[-1:], "none"))
        )
        tie = "none"
        if position in governors:
            tie = f"governs{min(governors[position], 3)}"
        elif tree.words[position].head in quoted:
            tie = "hangs"
        f[f"{rule}&group={group}"] = 1.0
        f[f"{rule}&side={side}&mark={mark}"] = 1.0
        f[f"{rule}&tie={tie}"] = 1.0
        f[f"{rule}&group={group}&tie={tie}"] = 1.0
        f[f"{rule}&group={group}&side={side}&mark={mark}"] = 1.0
        f[f"{rule}&side={side}&between={min(len(between), 3)}"] = 1.0
        f[f"side={side}&distance={_bucket(distance)}"] = 1.0
        if candidate.lemma:
            f[f"lemma={candidate.lemma}"] = 1.0
        reporting = [v for v in between if _group(tree.words[v].lemma.lower()) == "saying"]
        f["saying_between"] = float(min(len(reporting), 2))
        between_them = Span(min(place, span.end), max(place, span.start))
        others = sum(1 for s in self._around.quoted_in(between_them) if s != span)
        f["quotations_between"] = float(min(others, 2))
        f["rank"] = -float(distance) / 10
        return candidate

    def _subjects(self, tree: Tree, verb: int, outside: set[int], lemma: str) -> Iterator[tuple[int, str]]:
        subject = tree.subject(verb)
        if subject is not None and subject in outside and tree.words[subject].lemma.lower() not in TIMES:
            own = tree.words[subject].head == verb
            modified = tree.words[verb].head == subject and tree.words[verb].relation.startswith("acl")
            yield tree.top(subject, outside), "own" if own else "modified" if modified else "shared"
            return
        if lemma in SAYING:
            # “…,” said X where the parser saw no subject: the nominal right after the verb, or else right before it
            for place in [*range(verb + 1, min(verb + 6, len(tree.words))), *range(verb - 1, max(-1, verb - 6), -1)]:
                if (
                    place in outside
                    and tree.words[place].upos in NOMINAL
                    and tree.words[place].lemma.lower() not in TIMES
                ):
                    yield tree.top(place, outside), "near"
                    return

    def _owners(self, tree: Tree, noun: int, outside: set[int]) -> Iterator[int]:
        for dependent in tree.dependents[noun]:
            relation = tree.words[dependent].relation
            by = any(tree.words[c].text.lower() in ("by", "from") for c in tree.dependents[dependent])
            if dependent in outside and (relation == "nmod:poss" or (relation.startswith("nmod") and by)):
                yield tree.top(dependent, outside)
        if tree.words[noun].lemma.lower() in DOCUMENTS:
            yield noun

    def _after(self, tree: Tree, position: int, outside: set[int]) -> int | None:
        for place in range(position + 1, min(position + 14, len(tree.words))):
            if place in outside and tree.words[place].upos in NOMINAL:
                return tree.top(place, outside)
        return None

    def _is_mention(self, tree: Tree, position: int) -> bool:
        word = tree.words[position]
        if word.upos == "PRON":
            return is_pronoun(word.text)
        if word.upos not in NOMINAL:
            return False
        named = bool(self._around.names(Span(word.start, word.end)))
        return named or (word.relation.startswith(("nsubj", "obl", "nmod")) and word.lemma.lower() not in TIMES)

    # ------------------------------------------------------------------------------------------ beside the quotation

    def _beside(self, quotation: Quotation, own: list[int]) -> Iterator[Candidate]:
        """Subjects of the sentence before and after, for a quotation that its own sentence says nothing of."""
        for rule, number in (
            ("introduced", self._around.before(quotation)),
            ("followed", self._around.after(quotation)),
        ):
            if number is None or not self._around.parse.sentences[number].parsed:
                continue
            sentence = self._around.parse.sentences[number]
            gap = (
                self._text[sentence.end : quotation.start]
                if rule == "introduced"
                else self._text[quotation.end : sentence.start]
            )
            if rule == "followed" and "\n" in gap:
                continue
            tree, reporter = self._around.tree(number), self._around.reporter(number)
            if not reporter:
                continue
            colon = sentence.words[-1].text == ":" or ":" in gap
            where = ("line" if "\n" in gap else "same") + ("&colon" if colon else "") + ("&own" if own else "")
            only = (
                "&mixed" if len(reporter) < sum(any(c.isalnum() for c in w.text) for w in sentence.words) else "&plain"
            )
            outside, seen = set(reporter), set()
            verbs = [i for i in reporter if tree.is_verb(i)]
            for order, position in enumerate(reversed(verbs)):
                lemma = tree.words[position].lemma.lower()
                for head, how in self._subjects(tree, position, outside, lemma):
                    candidate = self._candidate(tree, head, _word_span(tree, position), rule, lemma)
                    candidate.features |= {
                        f"{rule}&{where}": 1.0,
                        f"{rule}&{where}{only}": 1.0,
                        f"{rule}&{where}&group={_group(lemma)}": 1.0,
                        f"{rule}&subject={how}": 1.0,
                        f"{rule}&verb={min(order, 3)}": 1.0,
                        f"{rule}&root={tree.words[position].head == -1}": 1.0,
                    }
                    seen.add(head)
                    yield candidate
            for position in reporter:
                head = tree.top(position, outside)
                if self._is_mention(tree, position) and head not in seen:
                    seen.add(head)
                    candidate = self._candidate(tree, head, None, rule + "_near", "")
                    short = "&short" if len(reporter) <= 5 else ""
                    candidate.features[f"{rule}_near&{where}{short}"] = 1.0
                    candidate.features[f"{rule}_near&relation={tree.words[head].relation.split(':')[0]}"] = 1.0
                    yield candidate

    def _signed(self, quotation: Quotation) -> Iterator[Candidate]:
        """A dash signature after the quotation: “…” ― Name."""
        match = _SIGNATURE.match(self._text, quotation.end)
        if match:
            for entity in self._around.names(Span(*match.span(1))):
                if entity.span.start == match.start(1):
                    yield Candidate(entity.span, entity.span.of(self._text), "signature", None)

    def _continued(self, quotation: Quotation, previous: Candidate, before: Quotation) -> Candidate:
        """The speaker of the quotation before."""
        gap = self._text[before.end : quotation.start]
        lines = len(re.findall(r"\n\s*", gap))
        words = len(re.findall(r"\w+", gap))
        candidate = Candidate(
            previous.mention, previous.head, "same_speaker", previous.cue, previous.lemma, previous.definite
        )
        candidate.features |= {
            f"same&lines={min(lines, 3)}": 1.0,
            f"same&lines={min(lines, 3)}&words={_bucket(words)}": 1.0,
            f"same&kinds={before.kind}&{quotation.kind}": 1.0,
        }
        return candidate

    # ----------------------------------------------------------------------------------------------------- features

    def _shape(self, quotation: Quotation, own: list[int], before: Quotation | None) -> list[str]:
        """What the quotation looks like: the same for all its candidates, used together with each one's rule."""
        start = quotation.start
        line = self._text.rfind("\n", 0, start) + 1
        leads = not any(c.isalnum() for c in self._text[line:start])
        end = self._text.find("\n", quotation.end)
        alone = leads and not any(c.isalnum() for c in self._text[quotation.end : end if end >= 0 else len(self._text)])
        last = quotation.spans[-1].of(self._text)[-1:]
        mark = "comma" if last == "," else "stop" if last in ".…" else "ask" if last in "?!" else "open"
        same_line = before is not None and "\n" not in self._text[before.end : start]
        return [
            f"own={bool(own)}",
            f"own={bool(own)}&leads={leads}&alone={alone}&mark={mark}",
            f"kind={quotation.kind}&own={bool(own)}",
            f"first={not same_line}&own={bool(own)}",
            f"full={quotation.kind is QuotationKind.FULL}",
        ]

    def _describe(self, candidate: Candidate) -> None:
        words = candidate.mention.of(self._text)
        entity = next(iter(self._around.names(candidate.mention)), None)
        lower = words.lower()
        kind = (
            "name"
            if lower == "us" and words.isupper()
            else "first"
            if lower in ("i", "we", "me", "us")
            else "he"
            if lower in ("he", "she")
            else "they"
            if lower in ("they", "it")
            else "pronoun"
            if is_pronoun(words)
            else entity.type
            if entity is not None
            else noun_class(candidate.head.lower())
        )
        candidate.features[f"kind={kind}"] = 1.0
        candidate.features[f"definite={candidate.definite}"] = 1.0
        candidate.features["rule=" + candidate.rule] = 1.0

    def _candidate(self, tree: Tree, head: int, cue: Span | None, rule: str, lemma: str) -> Candidate:
        phrase = tree.phrase(head)
        word = tree.words[head]
        named = self._around.name_in(phrase, word.start) or self._around.name_after(tree, head)
        first = phrase.of(self._text).split(" ")[0].lower()
        candidate = Candidate(named or phrase, word.lemma or word.text, rule, cue, lemma, first not in _INDEFINITE)
        if any(tree.words[c].relation == "case" and tree.words[c].text.lower() != "'s" for c in tree.dependents[head]):
            candidate.features["oblique"] = 1.0
        candidate.features["head=" + word.relation.split(":")[0]] = 1.0
        return candidate


_SIGNATURE = re.compile(r"[”\"’'»]?\s*[―—–]\s*([^\n,;(]{2,60})")


def _one_a_mention(candidates: list[Candidate]) -> list[Candidate]:
    """Candidates of one mention by one rule made one: the cue nearest in kind wins (saying before the rest)."""
    best: dict[tuple[Span, str], Candidate] = {}
    for candidate in candidates:
        key = (candidate.mention, candidate.rule)
        if key not in best or _order(candidate) > _order(best[key]):
            best[key] = candidate
    return list(best.values())


def _order(candidate: Candidate) -> tuple[int, float]:
    return ({"saying": 2, "characterising": 1}.get(_group(candidate.lemma), 0), candidate.features.get("rank", 0.0))


def _compare(candidates: list[Candidate]) -> None:
    """Tell each candidate how it stands among the others."""
    cued = [c for c in candidates if c.rule in ("verb", "according_to")]
    saying = [c for c in cued if _group(c.lemma) in ("saying", "none") or c.rule == "according_to"]
    nearest = max((c.features.get("rank", -9.0) for c in saying), default=None)
    for candidate in candidates:
        f = candidate.features
        f[f"{candidate.rule}&saying={min(len(saying), 3)}"] = 1.0
        f[f"{candidate.rule}&cued={min(len(cued), 3)}"] = 1.0
        if nearest is not None and candidate in saying and f.get("rank") == nearest:
            f["nearest_saying"] = 1.0
    for candidate in candidates:
        twins = [c for c in candidates if c is not candidate and c.mention == candidate.mention]
        for twin in twins:
            candidate.features[f"{candidate.rule}&also={twin.rule}"] = 1.0


def _group(lemma: str) -> str:
    if not lemma:
        return "none"
    return "saying" if lemma in SAYING else "characterising" if lemma in CHARACTERISING else "other"


def _word_span(tree: Tree, position: int) -> Span:
    return Span(tree.words[position].start, tree.words[position].end)


def _bucket(number: int) -> str:
    return next((str(limit) for limit in (1, 2, 3, 5, 8, 13, 25, 60) if number <= limit), "more")


def _first(features: Features, prefix: str) -> str:
    return next((name for name in features if name.startswith(prefix)), prefix)
