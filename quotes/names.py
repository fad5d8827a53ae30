"""From a mention to one name: whom a name, a pronoun or a description means.

A wrong name is the worst answer there is, so everything here may decline.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from quotes.cues import PERSON_NOUNS
from quotes.described import Described, kind_of_noun, things, unnamed_people, without_article
from quotes.document import Quotation, Span, SpeakerKind
from quotes.parsing import Parse
from quotes.people import HE, IT, SHE, THEY, Cluster, People, is_pronoun, noun_gender
from quotes.person_names import TITLES, name_tokens, same_person
from quotes.pronouns import Chooser, InView, gender_of

# Words that make an office another one, or one no longer held.
_NARROWER = frozenset({"vice", "deputy", "former", "ex", "assistant"})
_FIRST_PERSON = frozenset({"i", "me", "we", "us"})
_LABEL = re.compile(r"[ \t]*((?:[A-Z][\w.'’-]*)(?: [A-Z][\w.'’-]*){0,4}):\s")
# Tags and words that begin something else than a description.
_LEADS_AWAY = frozenset({"VERB", "AUX", "ADP", "CCONJ", "SCONJ", "PRON"})
_TO = frozenset("to of for from with by and or told tells asked said says who that".split())
_ONE = re.compile(r"(?:an?|one|another)\b", re.IGNORECASE)
_LISTED = re.compile(r",? (?:and|or|&) ")
_THINGS = frozenset({SpeakerKind.ORGANISATION, SpeakerKind.GROUP, SpeakerKind.DOCUMENT})
# For “it” and “they”: what opening a sentence counts against a sentence's distance, and how many
# sentences back is too far. Set by hand on the project's own sample articles.
FIRST, FARTHEST_THING = 1.2, 2.5


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a mention means: a name, or None with the reason.

    `how` says how that is known, as the end of a sentence; `way` says it in a word, for the model that judges answers.
    """

    name: str | None
    kind: SpeakerKind | None
    how: str
    way: str
    cluster: Cluster | None = None
    probability: float = 1.0  # that the mention, a pronoun or a bare noun, means that person


class Names:
    """Answers whom the mentions of one article mean."""

    def __init__(self, text: str, parse: Parse, quotations: Sequence[Quotation], choose: Chooser) -> None:
        """`choose` says how likely a pronoun means each of several people (SpeakerRanker.antecedents)."""
        self.text = text
        self.parse = parse
        self._known = People(text, parse, quotations)
        self._described = [(d.span, self._cluster(d)) for d in unnamed_people(text, parse, self._is_free)]
        self._things = list(things(text, parse, self._is_free))
        self._choose = choose
        self.in_view = InView(text, parse, self._known, self._described)

    def _is_free(self, span: Span) -> bool:
        return not self._known.is_quoted(span) and self._known.at(span) is None

    def _cluster(self, described: Described) -> Cluster:
        cluster = Cluster(described.name, SpeakerKind.UNNAMED, [described.span], {described.head})
        gender = noun_gender(described.name)
        if gender:
            cluster.genders[gender] += 3
        return cluster

    @property
    def clusters(self) -> list[Cluster]:
        """Everybody whom a mention can mean: people, organisations, and people only described."""
        return [*self._known.people, *self._known.organisations, *(cluster for _, cluster in self._described)]

    def resolve(
        self, mention: Span, head: str, definite: bool, previous: Named | None, quoted: Sequence[Span]
    ) -> list[Named]:
        """Whom a mention may mean, the likeliest first; one at least.

        `head` is the lemma of its head word, `definite` is false for “a nurse”, `previous` is the last speaker, `quoted` are
        the words that the one meant has said.
        """
        words = mention.of(self.text)
        if is_pronoun(words):
            return self.pronoun(mention, previous, quoted)
        beside = self._named_beside(mention, head)
        if beside is not None:
            return [beside]
        cluster = self._known.at(mention)
        if cluster is None:
            return self.description(mention, head, definite, previous, quoted)
        owned = re.match(r"(.*['’]s?)(\s+\S.*)$", words, re.DOTALL)
        if owned and name_tokens(owned.group(2))[-1:] != cluster.tokens[-1:]:
            if head.lower() in PERSON_NOUNS:
                described = self.description(mention, head, True, previous, quoted)
                if described[0].cluster is not None:
                    return described
            # “the premier's office” is an organisation of its own, called by its owner's full name
            owner = cluster.name if self._known.at(Span(mention.start, mention.start + len(owned.group(1)))) else ""
            name = f"{owner}’s{owned.group(2)}" if owner else without_article(words)
            return [Named(name, kind_of_noun(head, words), "", "owned")]
        if not self._is_the_name(mention, cluster) and head.lower() != "word":  # “in the words of X”
            return self.description(mention, head, definite, previous, quoted)
        return [self.named(cluster, words)]

    def _named_beside(self, mention: Span, head: str) -> Named | None:
        """The person whom a mention only introduces or explains.

        “a former Velkamp aide, Tom Orrin”, “Velkamp’s former secretary Tom Orrin”, and “Tom Orrin, the polling guru”.
        """
        person = self._person_from(mention.end, 45)
        if person is not None:
            between = self.text[mention.end : person.start]
            role = [w.lower() for w in re.findall(r"[^\W_]+", between)][-1:] or [head.lower()]
            joined = re.fullmatch(r"['’]?s?(?: [\w-]+){1,5} |, ", between) is not None and self._is_phrase(
                mention, Span(mention.end, person.start)
            )
            apposed = (
                between == ", "
                and self.text[person.end : person.end + 1] == ","
                and mention.of(self.text).lower().startswith("the ")
            )
            titled = role[0] in TITLES and between != ", "
            # “another friend, Tom Orrin, said”, but not “a friend, Tom Orrin and …”
            one = (
                between == ", "
                and _ONE.match(mention.of(self.text)) is not None
                and not _LISTED.match(self.text, person.end)
                and kind_of_noun(head, "") is SpeakerKind.UNNAMED
            )
            if apposed or one or between == " " or (joined and (role[0] in PERSON_NOUNS or titled)):
                cluster = self._known.at(person)
                if cluster is not None and cluster.kind is SpeakerKind.PERSON:
                    how = f"the {role[0]} is {cluster.name}"
                    return Named(cluster.name, cluster.kind, how, "introduced", cluster)
        before = self.text[max(0, mention.start - 2) : mention.start]
        if before == ", " and self._known.at(mention) is None:
            named = [
                e for e in self.parse.entities_in(Span(mention.start - 3, mention.start - 2)) if e.type == "PERSON"
            ]
            cluster = self._known.at(named[0].span) if named else None
            # “Tom Orrin, the guru, said”, but not “To Tom Orrin, the guru said”
            closed = self.text[mention.end : mention.end + 1] in (",", ".", ")", "")
            if cluster is not None and closed and re.match(r"(?:the|a|an|its|his|her|their)\b", mention.of(self.text)):
                return Named(cluster.name, cluster.kind, f"{cluster.name} is so described", "explained", cluster)
        return None

    def _is_phrase(self, mention: Span, between: Span) -> bool:
        """Whether what stands between a mention and a name leads from the one to the other: “Orrin’s former secretary ”, but not
        “Orrin told the host ” or “ an aide to Senator ”."""
        known = self._known.at(mention)
        if known is not None and self._is_the_name(mention, known) and between.of(self.text)[:1] not in ("'", "’", ","):
            return False
        sentence = self.parse.sentences[self.parse.sentence_number(mention.start)]
        inside = [w for w in sentence.words if between.start <= w.start < between.end]
        return not any(w.upos in _LEADS_AWAY or w.text.lower() in _TO for w in inside)

    def _person_from(self, place: int, reach: int) -> Span | None:
        """The first person named in the next `reach` characters."""
        found = [e for e in self.parse.entities_in(Span(place, place + reach)) if e.type == "PERSON"]
        return next((e.span for e in found if e.span.start >= place), None)

    def _is_the_name(self, mention: Span, cluster: Cluster) -> bool:
        """Whether a mention is the name itself with titles at most: “Mr. Orrin”, not “an Orrin aide”."""
        inside = [m for m in cluster.mentions if m.overlaps(mention)]
        before = self.text[mention.start : max(mention.start, inside[-1].start)]
        after = self.text[min(mention.end, inside[-1].end) : mention.end]
        titles = [w for w in re.findall(r"[^\W_]+", before) if w.lower() not in ("the", "of", "for", "and")]
        of_office = all(w[:1].isupper() or w in TITLES or w in PERSON_NOUNS or w == "state" for w in titles)
        return not re.search(r"[^\W_]", re.sub(r"^['’]s", "", after)) and of_office

    def named(self, cluster: Cluster, words: str) -> Named:
        """The answer for a mention that is a name."""
        if name_tokens(words) == cluster.tokens:
            return Named(cluster.name, cluster.kind, "", "name", cluster)
        return Named(
            cluster.name, cluster.kind, f"“{words}” is elsewhere called {cluster.name}", "part of a name", cluster
        )

    def pronoun(self, span: Span, previous: Named | None, quoted: Sequence[Span]) -> list[Named]:
        """Whom “he”, “she”, “they” or “it” at `span` may mean."""
        word = span.of(self.text).lower()
        if word in HE or word in SHE:
            return self._person_pronoun(span, word, previous, quoted)
        if word in THEY or word in IT:
            thing = self._thing_before(span, word, previous)
            return [thing or Named(None, None, f"“{word}” could mean several", "nobody")]
        labelled = self._label_of_line(span) if word in _FIRST_PERSON else None
        return [labelled or Named(None, None, f"“{word}” does not say who", "nobody")]

    def _person_pronoun(self, span: Span, word: str, previous: Named | None, quoted: Sequence[Span]) -> list[Named]:
        gender = gender_of(word)
        kind = "woman" if gender == "f" else "man"
        last = previous.cluster if previous else None
        meant = []
        for one in self.in_view.antecedents(span, gender, last, quoted, self._choose):
            view = f"the {kind} most in view" if one.cluster.gender == gender else "who was most in view"
            how = f"“{span.of(self.text)}” is taken for {one.cluster.name}, {view}"
            meant.append(Named(one.cluster.name, one.cluster.kind, how, "pronoun", one.cluster, one.probability))
        return meant or [Named(None, None, f"“{span.of(self.text)}” has no name before it that fits", "nobody")]

    def _label_of_line(self, span: Span) -> Named | None:
        """Who speaks a line of a transcript: “OSTROW: … I asked her …” is Ostrow's."""
        start = self.text.rfind("\n", 0, span.start) + 1
        label = _LABEL.match(self.text, start, span.start)
        if label is None:
            return None
        tokens = name_tokens(label.group(1))
        found = [c for c in self._known.people if c.tokens[-1] == tokens[-1] and same_person(c.tokens, tokens)]
        named = max(found, key=lambda c: len(c.tokens), default=None)
        how = f"the line is marked “{label.group(1)}”"
        if named is not None:
            return Named(named.name, named.kind, how, "label", named)
        return Named(label.group(1), SpeakerKind.UNNAMED, how, "label")

    def _thing_before(self, span: Span, word: str, previous: Named | None) -> Named | None:
        """What “it” or “they” means: the organisation, document or group most in view in the last sentences."""
        here = self.parse.sentence_number(span.start)
        plural = word in THEY
        found: list[tuple[float, Span, Named]] = []
        for organisation in () if plural else self._known.organisations:
            for mention in organisation.mentions:
                if mention < span and not self._known.is_quoted(mention):
                    number = self.parse.sentence_number(mention.start)
                    first = mention.start - self.parse.sentences[number].start < 20
                    how = f"“{word}” is taken for {organisation.name}"
                    named = Named(organisation.name, organisation.kind, how, "it, named", organisation)
                    found.append((FIRST * first - (here - number), mention, named))
        for thing in self._things:
            if thing.span < span and (thing.kind is SpeakerKind.GROUP) == plural:
                named = Named(thing.name, thing.kind, f"“{word}” is taken for {thing.name}", "it, described")
                found.append((FIRST * thing.first - (here - thing.sentence), thing.span, named))
        if previous is not None and previous.name and previous.kind in _THINGS:
            how = f"“{word}” is taken for {previous.name}, the last to speak"
            named = Named(previous.name, previous.kind, how, "it, the last speaker", previous.cluster)
            found.append((FIRST - 0.1, Span(0, 0), named))  # before all but what opens the very sentence
        best = max(found, key=lambda one: one[:2], default=None)
        return best[2] if best and best[0] > -FARTHEST_THING else None

    def description(
        self, span: Span, head: str, definite: bool, previous: Named | None, quoted: Sequence[Span]
    ) -> list[Named]:
        """Whom “the minister” or “aid groups” may mean: a person so described or in view before, or nobody by name."""
        words = span.of(self.text)
        head = head.lower()
        here = next((c for m, c in self._described if m.overlaps(span)), None)
        if here is not None:
            return [Named(here.name, here.kind, "", "described", here)]
        single = words.lower().rstrip("'’").endswith(head) or head not in words.lower()  # “the lawmakers” are not one
        if definite and head in PERSON_NOUNS and single:
            known = [*self._known.people, *(c for _, c in self._described)]
            narrower = {w for w in _NARROWER if re.search(rf"\b{w}\b", words.lower())}
            found = [
                c
                for c in known
                if head in c.roles
                and narrower == _NARROWER & c.roles
                and any(m < span for m in c.mentions)
                and not re.match(r"(?:its|his|her|their)\b", words)
            ]
            if found:
                said = {w for w in re.findall(r"[^\W_]+", words) if w.lower() not in (head, "the", "s")}
                told = {id(c): len({w.lower() for w in said} & c.roles) for c in found}
                chosen = max(found, key=lambda c: (told[id(c)], max(m for m in c.mentions if m < span)))
                # “the Velmark senator”, where the text calls nobody so
                otherwise = not told[id(chosen)] and any(w[0].isupper() for w in said)
                way = "role, otherwise" if otherwise else "role"
                return [Named(chosen.name, chosen.kind, f"the {head} is {chosen.name}", way, chosen)]
            before = self.text[max(0, span.start - 5) : span.start]
            if re.match(r"the\b", words, re.IGNORECASE) or re.search(r"\bthe $", before, re.IGNORECASE):
                last = previous.cluster if previous else None
                meant = []
                for one in self.in_view.antecedents(span, noun_gender(head), last, quoted, self._choose):
                    how = f"“{words}” is taken for {one.cluster.name}, who was most in view"
                    noun = Named(one.cluster.name, one.cluster.kind, how, "noun in view", one.cluster, one.probability)
                    meant.append(noun)
                if meant:
                    return meant
        return [Named(without_article(words), kind_of_noun(head, words), "", "description")]
