"""From a mention to one name: clusters of names in the article, and what pronouns and descriptions stand for.

A wrong name is the worst answer there is, so everything here may decline. Gender is read only from the text (titles, role
nouns, pronouns that can mean nobody else), never guessed from a given name.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from quotes.cues import DOCUMENTS, GROUP_HEADS, ORGANISATION_HEADS
from quotes.document import Quotation, Span, SpeakerKind
from quotes.parsing import Parse

FEMALE_TITLES = frozenset("mrs ms miss madam lady dame queen princess baroness sister congresswoman".split())
MALE_TITLES = frozenset("mr sir lord king prince baron brother congressman".split())
TITLES = (
    FEMALE_TITLES
    | MALE_TITLES
    | frozenset(
        """dr sen sens rep reps gov gen lt col sgt capt maj cmdr adm prof rev senator representative president
        vice-president vice prime minister premier secretary governor general justice judge chief attorney mayor speaker
        chairman chairwoman chair director former professor doctor captain colonel major sergeant lieutenant admiral pope
        bishop archbishop cardinal imam rabbi sheikh father ambassador chancellor councillor commissioner inspector
        republican democrat democratic gop then-president then-candidate candidate nominee ex-president""".split()
    )
)
FEMALE_NOUNS = frozenset(
    """woman girl mother wife daughter sister widow actress spokeswoman chairwoman congresswoman businesswoman
    businesswoman grandmother aunt niece queen princess policewoman saleswoman councilwoman assemblywoman alderwoman
    heroine duchess countess nun girlfriend bride mum mom grandma her herself she""".split()
)
MALE_NOUNS = frozenset(
    """man boy father husband son brother widower actor spokesman chairman congressman businessman grandfather uncle nephew
    king prince policeman salesman councilman assemblyman alderman hero duke count monk boyfriend groom dad grandpa
    his himself he him""".split()
)
HE = frozenset({"he", "him", "his", "himself"})
SHE = frozenset({"she", "her", "hers", "herself"})
THEY = frozenset({"they", "them", "their", "themselves"})
IT = frozenset({"it", "its", "itself"})
PRONOUNS = HE | SHE | THEY | IT | frozenset("i we you me us who which that this these those one".split())

_TOKEN = re.compile(r"[^\W_]+(?:[.'’-][^\W_]+)*\.?")
_SUFFIXES = frozenset({"jr", "sr", "ii", "iii", "iv"})
# Sentences back that a pronoun may reach for its antecedent, and what counts how much in the choice. Set by hand on the
# project's own sample articles; the learned ranker replaces them where it is trained.
REACH = 6
PER_SENTENCE, SUBJECT, PREVIOUS_SPEAKER, KNOWN_GENDER, INSIDE_QUOTATION, POSSESSIVE = 1.0, 1.2, 1.5, 1.5, -2.0, -1.0
OFTEN = 0.1  # a mention


@dataclass(slots=True)
class Cluster:
    """All the mentions of one name."""

    name: str
    kind: SpeakerKind
    mentions: list[Span] = field(default_factory=list)
    roles: set[str] = field(default_factory=set)
    genders: Counter[str] = field(default_factory=Counter)

    @property
    def tokens(self) -> list[str]:
        """The name's words, lower-cased, without titles."""
        return name_tokens(self.name)

    @property
    def gender(self) -> str | None:
        """"f" or "m" where the text says so without contradiction."""
        common = self.genders.most_common(2)
        if not common or (len(common) > 1 and common[0][1] < 2 * common[1][1]):
            return None
        return common[0][0]

    def leaning(self, gender: str) -> float:
        """How far the text's evidence speaks for a gender: 1 wholly for it, -1 wholly against it, 0 where there is none."""
        total = self.genders.total()
        return (2 * self.genders[gender] - total) / (total + 1)


@dataclass(frozen=True, slots=True)
class Named:
    """Whom a mention means: a name, or None with the reason; and how that is known, as the end of a sentence."""

    name: str | None
    kind: SpeakerKind | None
    how: str
    confidence: float
    cluster: Cluster | None = None
    mention: Span = Span(0, 0)  # where the name or description that decided stands


def name_tokens(name: str) -> list[str]:
    """Lower-cased words of a name without titles, possessives and suffixes."""
    words = [re.sub(r"['’]s?$", "", w).rstrip(".").lower() for w in _TOKEN.findall(name)]
    kept = [w for w in words if w and w not in TITLES and w not in _SUFFIXES]
    return kept or words


class Names:
    """The names of one article."""

    def __init__(self, text: str, parse: Parse, quotations: Sequence[Quotation]) -> None:
        self.text = text
        self.parse = parse
        self._quoted = [span for quotation in quotations for span in quotation.spans]
        self.people: list[Cluster] = []
        self.organisations: list[Cluster] = []
        self._by_mention: dict[Span, Cluster] = {}
        self._cluster_people()
        self._cluster_organisations()
        self._find_acronyms()
        for cluster in self.people:
            self._describe(cluster)
        self._vote_by_pronouns()
        # what keeps people in view: their names, and the pronouns that mean them; what the pronouns of a first pass say
        # of gender rules people out in the second
        self._names_in_view = [(m, c) for c in self.people for m in c.mentions]
        self._views = self._follow_pronouns()
        for span, cluster in self._views[len(self._names_in_view) :]:
            cluster.genders["m" if span.of(text).lower() in HE else "f"] += 1
        self._views = self._follow_pronouns()

    # -------------------------------------------------------------------------------------------------- clusters

    def _entities(self, *types: str) -> list[Span]:
        return [e.span for e in self.parse.entities if e.type in types and len(e.span)]

    def _cluster_people(self) -> None:
        spans = self._entities("PERSON")
        single = []
        for span in spans:
            tokens = name_tokens(span.of(self.text))
            if len(tokens) < 2:
                single.append(span)
                continue
            for cluster in self.people:
                if same_person(cluster.tokens, tokens):
                    if len(tokens) > len(cluster.tokens):
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

    def _cluster_of_single(self, span: Span) -> Cluster:
        tokens = name_tokens(span.of(self.text))
        token = tokens[0] if tokens else span.of(self.text).lower()
        surname = [c for c in self.people if c.tokens[-1] == token]
        given = [c for c in self.people if c.tokens[0] == token]
        for options in (self._of_title(span, surname), given):
            before = [c for c in options if any(m < span for m in c.mentions)]
            if len(before or options) == 1:
                return (before or options)[0]
            if before and options is not given:
                # one surname, several people: the one most spoken of so far, as reporters do
                return max(before, key=lambda c: (sum(m < span for m in c.mentions), max(m for m in c.mentions if m < span)))
            if options and options is not given:
                return min(options, key=lambda c: min(c.mentions))
        cluster = Cluster(clean_name(span.of(self.text)), SpeakerKind.PERSON)
        self.people.append(cluster)
        return cluster

    def _of_title(self, span: Span, clusters: list[Cluster]) -> list[Cluster]:
        """Clusters that the title before a surname allows."""
        gender = self._title_gender(span)
        if gender is None or len(clusters) < 2:
            return clusters
        titled = [c for c in clusters if any(self._title_gender(m) == gender for m in c.mentions)]
        return titled or [c for c in clusters if not any(self._title_gender(m) for m in c.mentions)] or clusters

    def _title_gender(self, span: Span) -> str | None:
        for word in [*_TOKEN.findall(span.of(self.text)), *_TOKEN.findall(self.text[max(0, span.start - 12) : span.start])[-1:]]:
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
                cluster = Cluster(clean_name(span.of(self.text)), SpeakerKind.ORGANISATION)
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
                cluster.genders[gender] += 3
            before = re.split(r"[.,;:!?“”\"()\n]", self.text[max(0, span.start - 80) : span.start])[-1]
            words = [w.rstrip(".").lower() for w in _TOKEN.findall(before)[-6:]]
            after = re.match(r",\s+((?:an?|the|who|his|her|\d+,)\b[^.;:“”\"\n]{3,90}?)(?:,|\.|$)", self.text[span.end : span.end + 110])
            apposed = [w.lower() for w in _TOKEN.findall(after.group(1))] if after else []
            # only words that stand directly before the name describe it: stop at a verb-like or function word
            for word in reversed(words):
                if word in _FUNCTION_WORDS:
                    break
                cluster.roles.add(word)
            cluster.roles.update(apposed)
            for word in [*words[-3:], *apposed]:
                if word in FEMALE_NOUNS:
                    cluster.genders["f"] += 2
                elif word in MALE_NOUNS:
                    cluster.genders["m"] += 2

    def _vote_by_pronouns(self) -> None:
        """A pronoun most likely means the one person whom its sentence, or else the sentence before it, names."""
        alone: Cluster | None = None  # the only person whom the sentence before names
        for sentence in self.parse.sentences:
            inside = [
                (m, c)
                for c in self.people
                for m in c.mentions
                if sentence.start <= m.start < sentence.end and not self._inside_quotation(m)
            ]
            here = {id(c) for _, c in inside}
            first = min((m.end for m, _ in inside), default=sentence.end)
            for word in sentence.words:
                lower = word.text.lower()
                if (lower in HE or lower in SHE) and not self._inside_quotation(Span(word.start, word.end)):
                    meant = alone if word.start < first else inside[0][1] if len(here) == 1 else None
                    if meant is not None:
                        meant.genders["m" if lower in HE else "f"] += 1
            alone = inside[0][1] if len(here) == 1 else None

    def _inside_quotation(self, span: Span) -> bool:
        return any(quoted.contains(span) for quoted in self._quoted)

    # -------------------------------------------------------------------------------------------------- resolving

    def cluster_at(self, span: Span) -> Cluster | None:
        """The cluster of a name inside `span`, the last one where there are several; people before organisations."""
        inside = [(s, c) for s, c in self._by_mention.items() if span.overlaps(s)]
        people = [(s, c) for s, c in inside if c.kind is SpeakerKind.PERSON]
        chosen = max(people or inside, key=lambda pair: pair[0], default=None)
        return chosen[1] if chosen else None

    def resolve(self, mention: Span, head: str, definite: bool, previous: Named | None) -> Named:
        """Whom a mention means.

        `head` is the lemma of its head word, `definite` is false for “a nurse”, `previous` is the last speaker.
        """
        words = mention.of(self.text)
        if is_pronoun(words):
            return self.pronoun(mention, previous)
        cluster = self.cluster_at(mention)
        if cluster is None:
            return self.description(mention, head, definite)
        owned = re.match(r"(.*['’]s?)(\s+\S.*)$", words, re.DOTALL)
        if owned and name_tokens(owned.group(2)) != cluster.tokens:
            # “the premier's office” is an organisation of its own, called by its owner's full name
            owner = cluster.name if self.cluster_at(Span(mention.start, mention.start + len(owned.group(1)))) else ""
            name = f"{owner}’s{owned.group(2)}" if owner else without_article(words)
            return Named(name, kind_of_noun(head, words), "", 0.85)
        if cluster.kind is not SpeakerKind.PERSON and head[:1].islower() and head not in cluster.name.lower():
            return self.description(mention, head, definite)
        return self.named(cluster, words)

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
                return Named(previous.name, previous.kind, f"“{word}” is taken for {previous.name}, the last to speak", 0.6, previous.cluster)
            if word in IT:
                subject = self._organisation_before(span)
                if subject is not None:
                    return Named(subject.name, subject.kind, f"“{word}” is taken for {subject.name}, the last organisation named", 0.5, subject)
            return Named(None, None, f"“{word}” could mean several", 0.0)
        return Named(None, None, f"“{word}” does not say who", 0.0)

    def _person_pronoun(self, span: Span, word: str, previous: Named | None) -> Named:
        gender = "m" if word in HE else "f"
        if previous is not None and previous.name and previous.kind is SpeakerKind.UNNAMED:
            fits = noun_gender(previous.name) in (None, gender)
            since = [m for c in self.people for m in c.mentions if previous.mention < m < span and not self._inside_quotation(m)]
            if fits and not any(self._is_subject_like(m) for m in since):
                how = f"“{span.of(self.text)}” is taken for {previous.name}, the last to speak"
                return Named(previous.name, previous.kind, how, 0.7, None, previous.mention)
        best = self._antecedent(span, gender, previous.cluster if previous else None)
        if best is None:
            return Named(None, None, f"“{span.of(self.text)}” has no name before it that fits", 0.0)
        known = best.gender == gender
        kind = "woman" if gender == "f" else "man"
        how = f"“{span.of(self.text)}” is taken for {best.name}, {f'the {kind} last in view' if known else 'who was last in view'}"
        return Named(best.name, SpeakerKind.PERSON, how, 0.85 if known else 0.7, best)

    def _follow_pronouns(self) -> list[tuple[Span, Cluster]]:
        """Resolve every “he” and “she” outside quotations in order: each keeps its person in view for the next."""
        self._views = list(self._names_in_view)
        for sentence in self.parse.sentences:
            for word in sentence.words:
                lower = word.text.lower()
                span = Span(word.start, word.end)
                if (lower in HE or lower in SHE) and not self._inside_quotation(span):
                    cluster = self._antecedent(span, "m" if lower in HE else "f", None)
                    if cluster is not None:
                        self._views.append((span, cluster))
        return self._views

    def _antecedent(self, span: Span, gender: str, speaker: Cluster | None) -> Cluster | None:
        """The person most in view at `span`: near, a subject, outside quotations, of no other gender."""
        here = self._sentence_number(span)
        scores: dict[int, tuple[float, Cluster]] = {}
        for mention, cluster in self._views:
            if mention.start >= span.start or cluster.gender not in (None, gender):
                continue
            score = -PER_SENTENCE * min(here - self._sentence_number(mention), REACH)
            if self._inside_quotation(mention):
                score += INSIDE_QUOTATION
            if self._is_subject_like(mention):
                score += SUBJECT
            if re.match(r"['’]", self.text[mention.end : mention.end + 1]):
                score += POSSESSIVE
            score += KNOWN_GENDER * cluster.leaning(gender)
            if speaker is cluster:
                score += PREVIOUS_SPEAKER
            score += OFTEN * min(len(cluster.mentions), 10)
            if id(cluster) not in scores or score >= scores[id(cluster)][0]:
                scores[id(cluster)] = (score, cluster)
        return max(scores.values(), key=lambda pair: pair[0])[1] if scores else None

    def _is_subject_like(self, mention: Span) -> bool:
        sentence = self.parse.sentences[self._sentence_number(mention)]
        for word in sentence.words:
            if mention.start <= word.start < mention.end and word.relation.startswith("nsubj"):
                return True
        before = [w for w in sentence.words if w.end <= mention.start and w.text[:1].isalnum()]
        return not sentence.parsed and len(before) <= 4

    def _organisation_before(self, span: Span) -> Cluster | None:
        best: tuple[Span, Cluster] | None = None
        for cluster in self.organisations:
            for mention in cluster.mentions:
                if mention < span and not self._inside_quotation(mention) and (best is None or mention > best[0]):
                    best = (mention, cluster)
        if best and self._sentence_number(span) - self._sentence_number(best[0]) <= 2:
            return best[1]
        return None

    def _sentence_number(self, span: Span) -> int:
        low, high = 0, len(self.parse.sentences) - 1
        while low < high:
            middle = (low + high + 1) // 2
            if self.parse.sentences[middle].start <= span.start:
                low = middle
            else:
                high = middle - 1
        return low

    def description(self, span: Span, head: str, definite: bool) -> Named:
        """Whom “the minister” or “aid groups” means: a person so described before, or nobody by name."""
        words = span.of(self.text)
        head = head.lower()
        if definite:
            found = [c for c in self.people if head in c.roles and any(m < span for m in c.mentions)]
            if found:
                chosen = max(found, key=lambda c: max(m for m in c.mentions if m < span))
                return Named(chosen.name, SpeakerKind.PERSON, f"the {head} is {chosen.name}", 0.7, chosen)
        return Named(without_article(words), kind_of_noun(head, words), "", 0.75, None, span)


def noun_gender(description: str) -> str | None:
    """"f" or "m" where a description's noun says so: “an old woman”, “the spokesman”."""
    words = set(re.findall(r"[a-z]+", description.lower()))
    female, male = bool(words & FEMALE_NOUNS), bool(words & MALE_NOUNS)
    return None if female == male else "f" if female else "m"


def is_pronoun(words: str) -> bool:
    """Whether a mention is a pronoun; “US” and “IT” are not."""
    return words.lower() in PRONOUNS and (len(words) == 1 or not words.isupper())


def same_person(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two names (lists of lower-cased words) can be one person's: one surname, no contradicting given name."""
    a, b = list(one), list(other)
    if a[-1] != b[-1]:
        return False
    if not a[:-1] or not b[:-1]:
        return True
    first_a, first_b = a[0], b[0]
    return first_a == first_b or (min(len(first_a), len(first_b)) == 1 and first_a[0] == first_b[0])


def clean_name(words: str) -> str:
    """A name as it is shown: blanks single, titles and a possessive left out."""
    words = re.sub(r"\s+", " ", words).strip(" ,;:\"“”'‘’")
    words = re.sub(r"['’]s?$", "", words)
    tokens = words.split(" ")
    while len(tokens) > 1 and tokens[0].rstrip(".").lower() in TITLES:
        tokens.pop(0)
    return " ".join(tokens)


def without_article(words: str) -> str:
    """A description without its leading article, blanks single."""
    return re.sub(r"^(?:the|an?)\s+", "", re.sub(r"\s+", " ", words).strip(" ,;:"), flags=re.IGNORECASE)


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


def _initials(name: str) -> str:
    return "".join(w[0] for w in re.findall(r"[^\W_]+", name) if w[0].isupper()).lower()


_FUNCTION_WORDS = frozenset(
    """the a an and or but of to in on at by for with from as that which who said says told asked was is were are be has had
    have it its this these those when while after before if than then also not he she they we his her their""".split()
)
