"""The language models as the product uses them: offsets, sentences, names, and where the models come from."""

import json
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quotes import artefacts
from quotes.errors import ArtefactAltered, ArtefactMissing
from quotes.marks import find_quotations
from quotes.parsing import EnglishModels


@pytest.fixture(scope="session")
def english():
    return EnglishModels.load()


def annotate(english, text, parse=True):
    quotations, _ = find_quotations(text)
    return english.annotate(text, quotations, lambda s: range(len(s)) if parse else ())


def test_words_stand_where_they_say(english):
    text = "“We don’t know,” Ms. Daremont’s aide said.\n\nShe\u00a0left\tat 10 o’clock…"
    for sentence in annotate(english, text).sentences:
        for word in sentence.words:
            surface = text[word.start : word.end].replace("’", "'").replace("“", '"').replace("”", '"')
            assert surface == word.text


def test_no_word_swallows_a_mark_or_a_possessive(english):
    text = "“Orrin’s men took the ‘old’ road,” Daremont’s driver said."
    words = [w.text for s in annotate(english, text, parse=False).sentences for w in s.words]
    assert [w for w in words if '"' in w] == ['"', '"']
    assert {"old", "road"} <= set(words)
    assert words.count("'s") == 2


@pytest.mark.parametrize("title", ["Mr.", "Mrs.", "Sen.", "Rep.", "Gov.", "Lt.", "Dr.", "Gen."])
def test_sentences_go_on_after_titles(english, title):
    text = f"On Monday {title} Velkamp told the U.S. envoys and the U.N. team that bridge No. 4 was closed. Nobody answered."
    assert [text[s.start : s.end] for s in annotate(english, text, parse=False).sentences] == [
        text[:-17],
        "Nobody answered.",
    ]


def test_what_a_lower_case_verb_reports_stays_in_its_sentence(english):
    text = "“Will they come?” asked Velkamp. Nobody knew."
    assert len(annotate(english, text, parse=False).sentences) == 2


def test_names_are_found_without_their_clitics(english):
    text = "Ilva Daremont’s deputy met Tomas Orrin in Paris."
    found = {(e.span.of(text), e.type) for e in annotate(english, text).entities}
    assert {("Tomas Orrin", "PERSON"), ("Paris", "LOC")} <= found
    assert not any(words.endswith("’s") for words, _ in found)


def test_only_wanted_sentences_are_parsed(english):
    text = "Orrin left. Daremont stayed. Nobody spoke."
    parse = english.annotate(text, (), lambda sentences: [1])
    assert [s.parsed for s in parse.sentences] == [False, True, False]
    assert [w.relation for w in parse.sentences[1].words if w.text == "Daremont"] == ["nsubj"]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from("ab Z.,?’'“”\"-—\n\r\u00a0\u0301\U0001f600é5("), max_size=80))
def test_any_text_keeps_its_offsets(english, text):
    place = 0
    for sentence in annotate(english, text).sentences:
        for word in sentence.words:
            assert place <= word.end <= len(text)
            assert word.start <= word.end
            place = word.start


def test_text_without_sentences_is_annotated_with_nothing(english):
    assert annotate(english, " \n\n ").sentences == ()


def test_a_page_of_marks_does_not_blow_up(english):
    parse = annotate(english, '" ' * 3000)
    assert all(len(s.words) <= 160 for s in parse.sentences)


def test_another_directory_and_package_by_setting(tmp_path):
    """A second Stanza resource directory, with the package under another name, as QUOTES_ENGLISH_DIR would give it."""
    shutil.copytree(artefacts.find("english").folder / "en", tmp_path / "en")
    resources = json.loads((artefacts.find("english").folder / "resources.json").read_text(encoding="utf-8"))
    resources["en"]["packages"]["mine"] = resources["en"]["packages"].pop("news")
    (tmp_path / "resources.json").write_text(json.dumps(resources))
    loaded = EnglishModels.load(tmp_path, "mine")
    assert loaded.artefact is None
    assert annotate(loaded, "Orrin left.").sentences[0].words[0].text == "Orrin"


def test_directory_without_models_is_refused(tmp_path):
    with pytest.raises(ArtefactMissing, match=r"resources\.json"):
        EnglishModels.load(tmp_path)


def test_unknown_package_is_refused(tmp_path):
    (tmp_path / "resources.json").write_text("{}")
    with pytest.raises((ArtefactMissing, ArtefactAltered)):
        EnglishModels.load(tmp_path, "nothing")


def test_a_very_long_address_keeps_its_offsets(english):
    text = "See http://example.org/" + "a" * 600 + " for more."
    words = annotate(english, text, parse=False).sentences[0].words
    assert [(w.start, w.end) for w in words][:2] == [(0, 3), (4, text.index(" for"))]


@pytest.mark.parametrize(
    "dateline", ["OULMET, Nev. (AP) —", "OULMET (Agency) -", "Port Oulmet (XYZ) –", "OULMET, 3 March --"]
)
def test_a_dateline_is_no_part_of_the_first_sentence(english, dateline):
    text = f"{dateline} Mayor Ilva Daremont said on Monday that the port stays shut.\n\nIt opened in May."
    first, second, third = annotate(english, text).sentences
    assert text[: second.start].strip() == dateline
    assert second.words[0].text == "Mayor"
    assert [first.paragraph, second.paragraph, third.paragraph] == [0, 0, 1]


@pytest.mark.parametrize("text", ["OPEC — a cartel — met.", "Velkamp - and nobody else - came.", "No dateline here."])
def test_what_is_no_dateline_stays_in_its_sentence_or_loses_no_word(english, text):
    words = "".join(word.text for sentence in annotate(english, text).sentences for word in sentence.words)
    assert words == text.replace(" ", "")
