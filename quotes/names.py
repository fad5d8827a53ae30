"""From a mention to one name: whom a name, a pronoun or a description means.

A wrong name is the worst answer there is, so everything here may decline.
"""

import re
from bisect import bisect_left, insort
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from quotes.cues import DOCUMENTS, GROUP_HEADS, ORGANISATION_HEADS, PERSON_NOUNS
from quotes.document import Quotation, Span, SpeakerKind
from quotes.parsing import Parse
from quotes.people import HE, IT, SHE, THEY, Cluster, People, is_pronoun, name_tokens, noun_gender
from quotes.syntax import Tree

# Sentences back that a pronoun may reach for its antecedent, and what counts how much in the choice. Set by hand on the
# project's own sample articles.
REACH = 6
PER_SENTENCE, SUBJECT, PREVIOUS_SPEAKER, KNOWN_GENDER, INSIDE_QUOTATION, POSSESSIVE = 1.0, 1.2, 1.5, 1.5, -2.0, -1.0
OFTEN = 0.1  # a mention
FARTHEST = 60  # mentions back that are looked at


_INDEFINITE = frozenset({"a", "an", "one", "another"})


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a mention means: a name, or None with the reason; and how that is known, as the end of a sentence."""

    name: str | None
    kind: SpeakerKind | None
    how: str
    confidence: float
    cluster: Cluster | None = None


@dataclass(frozen=True, slots=True)
class _View:
    """A mention that keeps a person in the reader's view."""

    span: Span
    cluster: Cluster
    sentence: int
    weight: float

    def place(self) -> int:
        return self.span.start


class Names:
    """Answers whom the mentions of one article mean."""

    def __init__(self, text: str, parse: Parse, quotations: Sequence[Quotation]) -> None:
        self.text = text
        self.parse = parse
        self._known = People(text, parse, quotations)
        self._described = list(self._describe())
        for _, cluster in self._described:
            gender = noun_gender(cluster.name)
            if gender:
                cluster.genders[gender] += 3
        # what the pronouns of a first pass say of gender rules people out in the second
        for view in self._follow_pronouns():
            view.cluster.genders["m" if view.span.of(text).lower() in HE else "f"] += 1
        self._follow_pronouns()

    def resolve(self, mention: Span, head: str, definite: bool, previous: Named | None) -> Named:
        """Whom a mention means.

        `head` is the lemma of its head word, `definite` is false for “a nurse”, `previous` is the last speaker.
        """
        words = mention.of(self.text)
        if is_pronoun(words):
            return self.pronoun(mention, previous)
        cluster = self._known.at(mention)
        if cluster is None:
            return self.description(mention, head, definite, previous)
        owned = re.match(r"(.*['’]s?)(\s+\S.*)$", words, re.DOTALL)
        if owned and name_tokens(owned.group(2))[-1:] != cluster.tokens[-1:]:
            if head.lower() in PERSON_NOUNS:
                described = self.description(mention, head, True, previous)
                if described.cluster is not None:
                    return described
            # “the premier's office” is an organisation of its own, called by its owner's full name
            owner = cluster.name if self._known.at(Span(mention.start, mention.start + len(owned.group(1)))) else ""
            name = f"{owner}’s{owned.group(2)}" if owner else without_article(words)
            return Named(name, kind_of_noun(head, words), "", 0.85)
        if not self._is_the_name(mention, cluster) and head.lower() != "word":  # “in the words of X”
            return self.description(mention, head, definite, previous)
        return self.named(cluster, words)

    def _is_the_name(self, mention: Span, cluster: Cluster) -> bool:
        """Whether a mention is the name itself with titles at most: “Mr. Orrin”, not “an Orrin aide”."""
        inside = [m for m in cluster.mentions if m.overlaps(mention)]
        before = self.text[mention.start : max(mention.start, inside[-1].start)]
        after = self.text[min(mention.end, inside[-1].end) : mention.end]
        titles = [w for w in re.findall(r"[^\W_]+", before) if w.lower() not in ("the", "of", "for", "and")]
        return not re.search(r"[^\W_]", re.sub(r"^['’]s", "", after)) and all(w[:1].isupper() for w in titles)

    def named(self, cluster: Cluster, words: str) -> Named:
        """The answer for a mention that is a name."""
        if name_tokens(words) == cluster.tokens:
            return Named(cluster.name, cluster.kind, "", 0.95, cluster)
        return Named(cluster.name, cluster.kind, f"“{words}” is elsewhere called {cluster.name}", 0.9, cluster)

    def pronoun(self, span: Span, previous: Named | None) -> Named:
        """Whom “he”, “she”, “they” or “it” at `span` means."""
        word = span.of(self.text).lower()
        if word in HE or word in SHE:
            return self._person_pronoun(span, word, previous)
        if word in THEY or word in IT:
            kinds = (SpeakerKind.ORGANISATION, SpeakerKind.GROUP, SpeakerKind.DOCUMENT)
            if previous is not None and previous.name and previous.kind in kinds:
                return Named(
                    previous.name,
                    previous.kind,
                    f"“{word}” is taken for {previous.name}, the last to speak",
                    0.6,
                    previous.cluster,
                )
            if word in IT:
                subject = self._organisation_before(span)
                if subject is not None:
                    return Named(
                        subject.name,
                        subject.kind,
                        f"“{word}” is taken for {subject.name}, the last organisation named",
                        0.5,
                        subject,
                    )
            return Named(None, None, f"“{word}” could mean several", 0.0)
        return Named(None, None, f"“{word}” does not say who", 0.0)

    def _person_pronoun(self, span: Span, word: str, previous: Named | None) -> Named:
        gender = "m" if word in HE else "f"
        best = self._antecedent(span, gender, previous.cluster if previous else None)
        if best is None:
            return Named(None, None, f"“{span.of(self.text)}” has no name before it that fits", 0.0)
        known = best.gender == gender
        kind = "woman" if gender == "f" else "man"
        view = f"the {kind} last in view" if known else "who was last in view"
        how = f"“{span.of(self.text)}” is taken for {best.name}, {view}"
        return Named(best.name, best.kind, how, 0.85 if known else 0.7, best)

    def _follow_pronouns(self) -> list["_View"]:
        """Resolve every “he” and “she” outside quotations in order: each keeps its person in view for the next."""
        named = [(m, c) for c in self._known.people for m in c.mentions]
        self._views = sorted((self._view(m, c) for m, c in named + self._described), key=_View.place)
        followed = []
        for sentence in self.parse.sentences:
            for word in sentence.words:
                lower = word.text.lower()
                span = Span(word.start, word.end)
                if (lower in HE or lower in SHE) and not self._known.is_quoted(span):
                    cluster = self._antecedent(span, "m" if lower in HE else "f", None)
                    if cluster is not None:
                        followed.append(self._view(span, cluster))
                        insort(self._views, followed[-1], key=_View.place)
        return followed

    def _view(self, span: Span, cluster: Cluster) -> "_View":
        weight = OFTEN * min(len(cluster.mentions), 10)
        if self._known.is_quoted(span):
            weight += INSIDE_QUOTATION
        if self._is_subject_like(span):
            weight += SUBJECT
        if self.text[span.end : span.end + 1] in ("'", "’"):
            weight += POSSESSIVE
        return _View(span, cluster, self.parse.sentence_number(span.start), weight)

    def _antecedent(self, span: Span, gender: str | None, speaker: Cluster | None) -> Cluster | None:
        """The person most in view at `span`: near, a subject, outside quotations, of no other gender."""
        here = self.parse.sentence_number(span.start)
        best: tuple[float, Cluster] | None = None
        for view in reversed(self._views[: bisect_left(self._views, span.start, key=_View.place)][-FARTHEST:]):
            if gender is not None and view.cluster.gender not in (None, gender):
                continue
            score = view.weight - PER_SENTENCE * min(here - view.sentence, REACH)
            if gender is not None:
                score += KNOWN_GENDER * view.cluster.leaning(gender)
            if speaker is view.cluster:
                score += PREVIOUS_SPEAKER
            if best is None or score > best[0]:
                best = (score, view.cluster)
        return best[1] if best else None

    def _is_subject_like(self, mention: Span) -> bool:
        sentence = self.parse.sentences[self.parse.sentence_number(mention.start)]
        for word in sentence.words:
            if mention.start <= word.start < mention.end and word.relation.startswith("nsubj"):
                return True
        before = [w for w in sentence.words if w.end <= mention.start and w.text[:1].isalnum()]
        return not sentence.parsed and len(before) <= 4

    def _organisation_before(self, span: Span) -> Cluster | None:
        best: tuple[Span, Cluster] | None = None
        for cluster in self._known.organisations:
            for mention in cluster.mentions:
                if mention < span and not self._known.is_quoted(mention) and (best is None or mention > best[0]):
                    best = (mention, cluster)
        if best and self.parse.sentence_number(span.start) - self.parse.sentence_number(best[0].start) <= 2:
            return best[1]
        return None

    def description(self, span: Span, head: str, definite: bool, previous: Named | None) -> Named:
        """Whom “the minister” or “aid groups” means: a person so described or in view before, or nobody by name."""
        words = span.of(self.text)
        head = head.lower()
        apposed = re.match(r",\s+", self.text[span.end : span.end + 3])
        if apposed:
            for entity in self.parse.entities_in(Span(span.end + apposed.end(), span.end + apposed.end() + 1)):
                cluster = self._known.at(entity.span)
                if cluster is not None and entity.type == "PERSON" and head in PERSON_NOUNS:
                    return Named(cluster.name, cluster.kind, f"the {head} is {cluster.name}", 0.85, cluster)
        here = next((c for m, c in self._described if m.overlaps(span)), None)
        if here is not None:
            return Named(here.name, here.kind, "", 0.75, here)
        if definite and head in PERSON_NOUNS:
            known = [*self._known.people, *(c for _, c in self._described)]
            found = [c for c in known if head in c.roles and any(m < span for m in c.mentions)]
            if found:
                chosen = max(found, key=lambda c: max(m for m in c.mentions if m < span))
                return Named(chosen.name, chosen.kind, f"the {head} is {chosen.name}", 0.75, chosen)
            if re.match(r"(?:the|The)\b", words):
                in_view = self._antecedent(span, noun_gender(head), previous.cluster if previous else None)
                if in_view is not None:
                    how = f"“{words}” is taken for {in_view.name}, who was last in view"
                    return Named(in_view.name, in_view.kind, how, 0.5, in_view)
        return Named(without_article(words), kind_of_noun(head, words), "", 0.75)

    def _describe(self) -> Iterator[tuple[Span, Cluster]]:
        """People without a name: “a doctor at the hospital”, whom a later “she” or “the doctor” may mean."""
        for sentence in self.parse.sentences:
            if not sentence.parsed:
                continue
            tree = Tree(sentence)
            for position, word in enumerate(sentence.words):
                if (
                    word.lemma.lower() in PERSON_NOUNS
                    and word.upos == "NOUN"
                    and word.relation not in ("compound", "appos")
                ):
                    span = tree.phrase(position)
                    words = span.of(self.text)
                    first = words.split(" ")[0].lower()
                    if first in _INDEFINITE and not self._known.is_quoted(span) and self._known.at(span) is None:
                        yield span, Cluster(without_article(words), SpeakerKind.UNNAMED, [span], {word.lemma.lower()})


def without_article(words: str) -> str:
    """A description without its leading article, blanks single."""
    return re.sub(
        r"^(?:the|an?|one|another)\s+(?!of\b)", "", re.sub(r"\s+", " ", words).strip(" ,;:"), flags=re.IGNORECASE
    )


def kind_of_noun(head: str, words: str) -> SpeakerKind:
    """What sort of speaker a description is, by its head noun."""
    head = head.lower()
    if head in DOCUMENTS:
        return SpeakerKind.DOCUMENT
    if head in GROUP_HEADS:
        return SpeakerKind.GROUP
    if head in ORGANISATION_HEADS:
        return SpeakerKind.ORGANISATION
    return SpeakerKind.GROUP if head.endswith("s") and not head.endswith("ss") else SpeakerKind.UNNAMED
