"""The people and organisations of an article: clusters of the mentions of one name, and what the text says of each.

Gender is read only from the text (titles, role nouns, pronouns that can mean nobody else), never guessed from a given name.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from quotes.cues import PERSON_NOUNS
from quotes.document import Quotation, Span, SpeakerKind
from quotes.parsing import Parse
from quotes.person_names import (
    FEMALE_TITLES,
    MALE_TITLES,
    OPENERS,
    TITLES,
    TOKEN,
    clean_name,
    is_fuller,
    name_tokens,
    same_but_misspelt,
    same_person,
    tidy,
)

FEMALE_NOUNS = frozenset(
    """woman girl mother wife daughter sister widow actress spokeswoman chairwoman congresswoman businesswoman
    businesswoman grandmother aunt niece queen princess policewoman saleswoman councilwoman assemblywoman alderwoman
    heroine duchess countess nun girlfriend bride mum mom grandma""".split()
)
MALE_NOUNS = frozenset(
    """man boy father husband son brother widower actor spokesman chairman congressman businessman grandfather uncle nephew
    king prince policeman salesman councilman assemblyman alderman hero duke count monk boyfriend groom dad grandpa""".split()
)
HE = frozenset({"he", "him", "his", "himself"})
SHE = frozenset({"she", "her", "hers", "herself"})
THEY = frozenset({"they", "them", "their", "themselves"})
IT = frozenset({"it", "its", "itself"})
PRONOUNS = HE | SHE | THEY | IT | frozenset("i we you me us who which that this these those one".split())

_NO_NAME = re.compile(r"[A-Z]-[A-Z]")  # “D-Fla.”, a senator's party and state
SURE_GENDER, SURE_RATIO = 4.0, 3.0
JUST_NAMED = 2  # sentences since a full name, within which its surname means nobody else; not swept
# What the holder of a title is called later: “Sen. Orrin … the senator”.
_CALLED = {
    "sen": ("senator", "lawmaker", "legislator"),
    "senator": ("lawmaker", "legislator"),
    "rep": ("representative", "lawmaker", "legislator"),
    "congressman": ("representative", "lawmaker", "legislator"),
    "congresswoman": ("representative", "lawmaker", "legislator"),
    "gov": ("governor",),
    "gen": ("general",),
    "lt": ("lieutenant",),
    "col": ("colonel",),
    "sgt": ("sergeant",),
    "capt": ("captain",),
    "prof": ("professor",),
    "dr": ("doctor",),
    "rev": ("reverend",),
}
_PARTY = re.compile(r",? ?\(?([DR])-(?=[A-Z])")  # “Tom Orrin (D-Fla.)”


@dataclass(slots=True)
class Cluster:
    """All the mentions of one name."""

    name: str
    kind: SpeakerKind
    mentions: list[Span] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    genders: dict[str, float] = field(default_factory=lambda: {"f": 0.0, "m": 0.0})

    @property
    def tokens(self) -> list[str]:
        """The name's words, lower-cased, without titles."""
        return name_tokens(self.name)

    @property
    def gender(self) -> str | None:
        """ "f" or "m" where the text says so, twice as often as not."""
        fewer, more = sorted(self.genders, key=self.genders.__getitem__)
        sure = self.genders[more] >= SURE_GENDER and self.genders[more] >= SURE_RATIO * self.genders[fewer]
        return more if sure else None

    def leaning(self, gender: str) -> float:
        """How far the text's evidence speaks for a gender: 1 wholly for it, -1 wholly against it, 0 where there is none."""
        total = self.genders["f"] + self.genders["m"]
        return (2 * self.genders[gender] - total) / (total + 1)


class People:
    """The named people and organisations of one article."""

    def __init__(self, text: str, parse: Parse, quotations: Sequence[Quotation]) -> None:
        self.text = text
        self.parse = parse
        self._quoted = sorted(span for quotation in quotations for span in quotation.spans)
        self.people: list[Cluster] = []
        self.organisations: list[Cluster] = []
        self._by_mention: dict[Span, Cluster] = {}
        self._cluster_people()
        self._cluster_organisations()
        self._find_acronyms()
        for cluster in self.people:
            self._describe(cluster)
        self._vote_by_pronouns()
        self._mentions = sorted(self._by_mention)

    def at(self, span: Span) -> Cluster | None:
        """The cluster of a name inside `span`, the last one where there are several; people before organisations."""
        first = max(0, bisect_right(self._mentions, span) - 1)
        last = bisect_left(self._mentions, Span(span.end, span.end))
        inside = [(m, self._by_mention[m]) for m in self._mentions[first:last] if m.overlaps(span)]
        people = [(s, c) for s, c in inside if c.kind is SpeakerKind.PERSON]
        chosen = max(people or inside, key=lambda pair: pair[0], default=None)
        return chosen[1] if chosen else None

    def last_quoted(self, place: int) -> int:
        """Where the last quotation ends that begins before `place`, 0 where none does."""
        number = bisect_left(self._quoted, Span(place, place)) - 1
        return self._quoted[number].end if number >= 0 else 0

    def is_quoted(self, span: Span) -> bool:
        """Whether the words stand inside a quotation."""
        place = bisect_right(self._quoted, Span(span.start, span.start + 10**9)) - 1
        return place >= 0 and self._quoted[place].contains(span)

    def _entities(self, *types: str) -> list[Span]:
        return [e.span for e in self.parse.entities if e.type in types and len(e.span)]

    def _cluster_people(self) -> None:
        single = []
        for span in sorted(s for s in self._entities("PERSON") if not _NO_NAME.match(s.of(self.text))):
            tokens = name_tokens(clean_name(span.of(self.text)))
            if len(tokens) < 2:
                single.append(span)
                continue
            for cluster in self.people:
                if same_person(cluster.tokens, tokens) or same_but_misspelt(cluster.tokens, tokens):
                    if is_fuller(tokens, cluster.tokens):
                        cluster.name = clean_name(span.of(self.text))
                    break
            else:
                cluster = Cluster(clean_name(span.of(self.text)), SpeakerKind.PERSON)
                self.people.append(cluster)
            self._add(cluster, span)
        for span in single:
            self._add(self._cluster_of_single(span), span)
        self.people.sort(key=lambda c: min(c.mentions))
        for cluster in self.people:
            cluster.mentions.sort()
            cluster.name = self._spelling(cluster)
            if len(cluster.tokens) == 1:
                cluster.name = self._with_given_name(cluster.name)

    def _spelling(self, cluster: Cluster) -> str:
        """The name as it is mostly spelt."""
        names = [clean_name(mention.of(self.text)) for mention in cluster.mentions]
        spelt = [
            name
            for name in names
            if name_tokens(name) == cluster.tokens or same_but_misspelt(name_tokens(name), cluster.tokens)
        ]
        return Counter(spelt).most_common(1)[0][0] if spelt else cluster.name

    def _with_given_name(self, surname: str) -> str:
        """The full name where the text has one before the surname that the tagger missed, and only one: “Bo Heffley, …”."""
        found = set()
        body = self.text.find("\n") + 1  # a headline's capitals say nothing
        for match in re.compile(rf"\b([A-Z][a-z]+(?: [A-Z]\.)?) {re.escape(surname)}\b").finditer(self.text, body):
            word = match[1].split()[0].lower()
            opens = re.search(r"[a-z,] $", self.text[max(0, match.start() - 2) : match.start()]) is None
            common = opens and re.search(rf"\b{word}\b", self.text) is not None
            others = word.endswith("ing") or any(
                e.type != "PERSON" for e in self.parse.entities_in(Span(*match.span()))
            )
            if not common and not others and word not in TITLES | OPENERS | _FUNCTION_WORDS | PERSON_NOUNS:
                found.add(match[1])
        return f"{found.pop()} {surname}" if len(found) == 1 else surname

    def _cluster_of_single(self, span: Span) -> Cluster:
        tokens = name_tokens(clean_name(span.of(self.text)))
        token = tokens[0] if tokens else span.of(self.text).lower()
        surname = [c for c in self.people if c.tokens[-1] == token]
        given = [c for c in self.people if c.tokens[0] == token]
        middle = [c for c in self.people if token in c.tokens[1:-1]]  # “Febo” of “Melba Febo Acosta”
        for options in (self._of_title(span, surname), given, middle):
            before = [c for c in options if any(m < span for m in c.mentions)]
            if len(before or options) == 1:
                return (before or options)[0]
            if before and options is not given and options is not middle:
                return self._of_surname(span, before)
            if options and options is not given and options is not middle:
                return min(options, key=lambda c: min(c.mentions))
        cluster = Cluster(clean_name(span.of(self.text)), SpeakerKind.PERSON)
        self.people.append(cluster)
        return cluster

    def _of_surname(self, span: Span, clusters: list[Cluster]) -> Cluster:
        """Whom a surname means that several have: who was just named in full, or else is most spoken of so far."""
        here = self.parse.sentence_number(span.start)
        named = [(m, c) for c in clusters for m in c.mentions if m < span and len(name_tokens(m.of(self.text))) > 1]
        last, cluster = max(named, key=lambda pair: pair[0], default=(None, clusters[0]))
        if last is not None and here - self.parse.sentence_number(last.start) <= JUST_NAMED:
            return cluster
        return max(clusters, key=lambda c: (sum(m < span for m in c.mentions), max(m for m in c.mentions if m < span)))

    def _of_title(self, span: Span, clusters: list[Cluster]) -> list[Cluster]:
        """Clusters that the title before a surname allows."""
        gender = self._title_gender(span)
        if gender is None or len(clusters) < 2:
            return clusters
        titled = [c for c in clusters if any(self._title_gender(m) == gender for m in c.mentions)]
        return titled or [c for c in clusters if not any(self._title_gender(m) for m in c.mentions)] or clusters

    def _title_gender(self, span: Span) -> str | None:
        for word in [
            *TOKEN.findall(span.of(self.text)),
            *TOKEN.findall(self.text[max(0, span.start - 12) : span.start])[-1:],
        ]:
            word = word.rstrip(".").lower()
            if word in FEMALE_TITLES:
                return "f"
            if word in MALE_TITLES:
                return "m"
        return None

    def _cluster_organisations(self) -> None:
        for span in sorted(self._entities("ORG"), key=lambda s: -len(s)):
            tokens = name_tokens(span.of(self.text))
            for cluster in self.organisations:
                if cluster.tokens[-len(tokens) :] == tokens or _initials(cluster.name) == "".join(tokens):
                    break
            else:
                cluster = Cluster(tidy(span.of(self.text)), SpeakerKind.ORGANISATION)
                self.organisations.append(cluster)
            self._add(cluster, span)
        for cluster in self.organisations:
            cluster.mentions.sort()

    def _find_acronyms(self) -> None:
        """“the Harbour Workers’ League (HWL)”: the bracketed letters are the same organisation."""
        for cluster in list(self.organisations):
            for span in list(cluster.mentions):
                match = re.match(r"\s*\(([A-Z][A-Za-z.&-]{1,9})\)", self.text[span.end : span.end + 14])
                if match:
                    for other in self.organisations:
                        if other is not cluster and other.name == match.group(1):
                            for mention in other.mentions:
                                self._add(cluster, mention)
                            other.mentions.clear()
        self.organisations = [c for c in self.organisations if c.mentions]

    def _add(self, cluster: Cluster, span: Span) -> None:
        cluster.mentions.append(span)
        self._by_mention[span] = cluster

    # -------------------------------------------------------------------------- what the text says of the people

    def _describe(self, cluster: Cluster) -> None:
        """Collect role nouns (“Foreign Minister X”, “X, a nurse from …,”) and gender evidence."""
        for span in cluster.mentions:
            gender = self._title_gender(span)
            if gender:
                cluster.genders[gender] += SURE_GENDER
            before = re.split(r"[.,;:!?“”\"()\n]", self.text[max(0, span.start - 80) : span.start])[-1]
            # only words that stand directly before the name describe it: stop at a verb-like or function word
            words = [w.rstrip(".").lower() for w in TOKEN.findall(before)[-6:]]
            cluster.roles |= (beside := set(_until_function_word(reversed(words))))
            title = re.search(r"([A-Za-z]+)\.? $", self.text[max(0, span.start - 12) : span.start])  # “Sen. ”
            named = [
                word.rstrip(".").lower()
                for word in [*(title.groups() if title else ()), *TOKEN.findall(span.of(self.text))]
            ]
            cluster.roles |= set(named) & _CALLED.keys()
            after = re.match(
                r",\s+((?:an?|the|his|her|its|their|\d+,|[A-Z]\w+['’]s)\b[^.;:“”\"\n]{3,90}?)(?:,|\.|$)",
                self.text[span.end : span.end + 110],
            )
            if after:  # “X, a nurse from the daughter hospital of …”: a nurse
                first, *rest = [w.lower() for w in TOKEN.findall(after.group(1))]
                cluster.roles.update(apposed := [first, *_until_function_word(rest)])
                beside.update(apposed)
            for nouns, gender in ((FEMALE_NOUNS, "f"), (MALE_NOUNS, "m")):
                cluster.genders[gender] += 2 * len(beside & nouns)
            party = _PARTY.match(self.text, span.end)
            if party:
                cluster.roles.add("democrat" if party.group(1) == "D" else "republican")
        cluster.roles |= {called for role in cluster.roles for called in _CALLED.get(role, ())}

    def _vote_by_pronouns(self) -> None:
        """A pronoun most likely means the one person whom its sentence, or else the sentence before it, names."""
        alone: Cluster | None = None  # the only person whom the sentence before names
        by_sentence: dict[int, list[tuple[Span, Cluster]]] = {}
        for cluster in self.people:
            for mention in cluster.mentions:
                if not self.is_quoted(mention):
                    number = self.parse.sentence_number(mention.start)
                    by_sentence.setdefault(number, []).append((mention, cluster))
        for number, sentence in enumerate(self.parse.sentences):
            inside = by_sentence.get(number, [])
            here = {id(c) for _, c in inside}
            first = min((m.end for m, _ in inside), default=sentence.end)
            for word in sentence.words:
                lower = word.text.lower()
                if (lower in HE or lower in SHE) and not self.is_quoted(Span(word.start, word.end)):
                    meant = alone if word.start < first else inside[0][1] if len(here) == 1 else None
                    if meant is not None:
                        meant.genders["m" if lower in HE else "f"] += 1
            alone = inside[0][1] if len(here) == 1 else None


def _until_function_word(words: Iterable[str]) -> Iterator[str]:
    return takewhile(lambda word: word not in _FUNCTION_WORDS, words)


def noun_gender(description: str) -> str | None:
    """ "f" or "m" where a description's noun says so: “an old woman”, “the spokesman”."""
    words = set(re.findall(r"[a-z]+", description.lower()))
    female, male = bool(words & FEMALE_NOUNS), bool(words & MALE_NOUNS)
    return None if female == male else "f" if female else "m"


def is_pronoun(words: str) -> bool:
    """Whether a mention is a pronoun; “US” and “IT” are not."""
    return words.lower() in PRONOUNS and (len(words) == 1 or not words.isupper())


def _initials(name: str) -> str:
    return "".join(w[0] for w in re.findall(r"[^\W_]+", name) if w[0].isupper()).lower()


_FUNCTION_WORDS = frozenset(
    """the a an and or but of to in on at by for with from as that which who said says told asked was is were are be has had
    have it its this these those when while after before if than then also not he she they we his her their""".split()
)
