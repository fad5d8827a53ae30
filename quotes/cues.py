"""Words that report speech.

The verbs were gathered by the project from the classes of communication verbs in Levin (English Verb Classes and
Alternations, 1993, sections 33 and 37) and from reading which lemmas stand between a source and its quotation in the
training part of PolNeAR (Newell, Margolin and Ruths, LREC 2018). All are lemmas in lower case.
"""

# Verbs whose subject is nearly always the speaker of a quotation beside them.
SAYING = frozenset(
    """say tell add ask write tweet state note reply respond answer explain argue announce declare claim insist recall
    continue warn comment remark observe conclude acknowledge admit concede stress emphasize emphasise reiterate joke quip
    assert maintain contend suggest predict promise vow pledge urge complain lament shout yell exclaim cry whisper mutter
    murmur retort counter interject begin caution boast brag muse opine protest reason recount reveal confess testify
    post email message text recite chant scream sigh laugh declare allege affirm confirm deny estimate wonder inquire
    query demand proclaim repeat report relate remember think believe blog retweet echo advise agree clarify elaborate
    summarize summarise plead propose recommend relay object sum chide chuckle deadpan enthuse fume gush grumble intone
    jest moan mock offer opine pronounce quote rejoin reflect snap sneer swear tease thunder volunteer wail""".split()
)

# Verbs that report words inside the reporter's sentence: X called it “absurd”, X accused Y of “lying”.
CHARACTERISING = frozenset(
    """call describe label brand dub denounce condemn criticize criticise blast slam decry deride dismiss praise hail
    characterize characterise accuse blame charge attack rip ridicule reject defend cite invoke mock deem consider rate
    paint portray brand rule find hold rail rant scold chastise lambaste rebuke castigate assail applaud laud salute
    welcome thank congratulate compare liken refer speak talk discuss mention sound express voice convey raise question
    doubt fear worry hope want feel see know pray expect believe think plan support oppose back favor favour advocate call
    endorse champion push promote press seek request require order instruct direct invite encourage implore beg appeal
    threaten promise guarantee assure remind inform notify teach lecture apologize apologise regret boast brag read show
    contain include argue criticise issue release publish deliver give sign reference highlight underline underscore
    outline detail stipulate provide specify decide declare determine demand deplore detest dispute downplay hint imply
    indicate insinuate interpret issue judge justify make mean object outline perceive point propose put recognise
    recognize record regard rebut recommend repudiate signal slate sing stand tout trumpet use utter vote wish""".split()
)

# Nouns that stand for words spoken or written; their owner speaks.
NOUNS = frozenset(
    """statement letter email e-mail tweet post message speech interview remark comment memo note testimony op-ed column
    article essay book report release press-release blog editorial text transcript video ad advertisement advert slogan
    motto phrase words warning claim promise pledge call appeal demand argument description question answer response reply
    announcement declaration assertion allegation complaint criticism charge accusation apology vow headline caption sign
    banner placard petition ruling opinion resolution decision order decree proposal plan law bill""".split()
)

# Things that speak through their text: “the resolution calls for …”
DOCUMENTS = frozenset(
    """resolution letter statement report memo document email e-mail law bill text treaty agreement article editorial
    headline sign banner placard petition ruling opinion decision order decree proposal plan charter communique communiqué
    declaration manifesto draft lawsuit complaint indictment affidavit subpoena filing transcript tweet post message note
    caption ad advertisement advert book memoir poem song lyric verse study survey poll website page leaflet poster
    billboard constitution act amendment clause motion brief summary paper chapter notice press-release""".split()
)

# Nouns for people who speak for somebody, and for groups.
GROUP_HEADS = frozenset(
    """group groups officials people residents protesters activists critics supporters lawmakers leaders experts analysts
    witnesses republicans democrats members voters aides advisers advisors sources authorities police campaigners workers
    doctors agencies organisations organizations rebels forces troops families students teachers investigators prosecutors
    lawyers scientists researchers conservatives liberals demonstrators villagers survivors delegates ministers senators
    allies opponents rivals observers diplomats journalists reporters crowd panel team couple pair audience
    charities unions parents mediators negotiators countries nations states governments""".split()
)

ORGANISATION_HEADS = frozenset(
    """office government ministry department council committee commission agency party union company firm court parliament
    congress senate house administration campaign army military police ministry embassy university institute bank board
    newspaper magazine network channel station organisation organization association federation league society club team
    secretariat cabinet bureau authority service corporation foundation center centre coalition alliance movement militia
    kremlin palace presidency regime outlet paper site""".split()
)

# Nouns for one person by role or station: “the minister” may be somebody named before.
PERSON_NOUNS = frozenset(
    """alderman alderwoman guru operative staffer insider co-host co-anchor moderator
    candidate nominee contender hopeful front-runner frontrunner challenger incumbent opponent rival senator congressman
    congresswoman representative lawmaker legislator governor mayor president premier chancellor minister secretary
    ambassador envoy diplomat official spokesman spokeswoman spokesperson chief chairman chairwoman chair chairperson
    director manager strategist adviser advisor aide consultant pollster leader deputy commissioner councillor councilman
    councilwoman judge justice prosecutor attorney lawyer counsel solicitor barrister sheriff officer detective inspector
    commander general colonel captain major sergeant lieutenant admiral soldier veteran fighter rebel doctor physician nurse
    surgeon paramedic midwife professor scientist researcher economist historian analyst expert scholar student teacher
    principal author writer novelist poet journalist reporter editor columnist correspondent anchor host presenter
    broadcaster commentator blogger pundit critic actor actress singer rapper musician comedian filmmaker producer artist
    designer athlete player coach striker goalkeeper trainer referee captain businessman businesswoman billionaire
    millionaire mogul tycoon magnate entrepreneur investor executive owner founder boss employer employee worker farmer
    fisherman driver pilot sailor shopkeeper baker butcher builder activist campaigner organizer organiser volunteer donor
    supporter politician statesman conservative liberal democrat republican socialist libertarian independent priest bishop
    archbishop pope imam rabbi pastor reverend monk nun king queen prince princess duke duchess man woman boy girl father
    mother son daughter brother sister husband wife widow grandfather grandmother uncle aunt cousin resident neighbor
    neighbour witness survivor victim suspect defendant plaintiff refugee migrant pensioner teenager native negotiator
    mediator monitor observer speaker whip clerk treasurer vicar councilor lecturer harbourmaster""".split()
)


def noun_class(noun: str) -> str:
    """What a lower-cased noun is for: a person, a group, an organisation, a document, or something else."""
    if noun in DOCUMENTS:
        return "document"
    if noun in PERSON_NOUNS:
        return "person"
    if noun in GROUP_HEADS or noun + "s" in GROUP_HEADS:
        return "group"
    return "organisation" if noun in ORGANISATION_HEADS else "other"
