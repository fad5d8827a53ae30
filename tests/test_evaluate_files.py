"""Test sets and predictions out of files of each format, and what is said of rows that cannot be used."""

import json

import pytest

from quotes.document import Span
from quotes.errors import BadRows, InputError
from quotes.evaluation.predictions import matched, read_predictions
from quotes.evaluation.tables import listed
from quotes.evaluation.testsets import Columns, label_map, located, read_test_set

LABELS = ("support", "oppose", "conditional", "none")
SEMEVAL = "ID\tTarget\tTweet\tStance\n"


def written(path, text, encoding="utf-8"):
    path.write_bytes(text.encode(encoding))
    return path


def lines(path, *rows):
    return written(path, "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))


def rows_of(path, columns=None, mapping="", locate=False):
    return read_test_set(path, columns or Columns(), label_map(mapping) if mapping else {}, locate)


def reasons(path, **more):
    return [(row.line, row.reason) for row in rows_of(path, **more).bad]


# --- formats ---

CONTEXT = "“Stop the guns,” she said; “please”."


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"id": "1", "quote": "Stop the guns,", "context": CONTEXT, "label": "support"}),
        json.dumps({"ID": 1, " Quotation": " Stop the guns, ", "Context": CONTEXT, "stance": "Support"}),
        f'id,quote,context,label\n1,"Stop the guns,","{CONTEXT}",support\n',
        f'Id;Text;Context;Stance\r\n1;Stop the guns,;"{CONTEXT}";support\r\n',
        f"id\tquote\tcontext\tlabel\r1\tStop the guns,\t{CONTEXT}\tSUPPORT\r",
        f"\n\nid\ttext\tcontext\tlabel\textra\n\n1\tStop the guns,\t{CONTEXT}\tsupport\t\n\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "windows-1252"])
def test_a_row_in_each_format(tmp_path, text, encoding):
    test = rows_of(written(tmp_path / "test", text, encoding), locate=True)
    (row,) = test.rows
    assert (row.id, row.text, row.context, row.gold) == ("1", "Stop the guns,", CONTEXT, "support")
    assert row.quotation == (Span(1, 15),)
    escaped = encoding == "windows-1252" and text.startswith("{")  # then there is nothing in it but ASCII
    assert test.encoding == ("utf-8" if escaped else encoding.removesuffix("-sig"))


def test_the_format_of_semeval_2016(tmp_path):
    text = (
        SEMEVAL + '1\tTruce\t"They said \'never\'\tAGAINST\n2\tTruce\t"Enough"\tFAVOR\n3\tRents\tcaf\xe9 #SemST\tNONE\n'
    )
    path = written(tmp_path / "test.txt", text, "latin-1")
    test = rows_of(path, Columns(slices=("Target",)), "FAVOR=support,AGAINST=oppose,NONE=none", locate=True)
    assert [(row.id, row.text, row.gold) for row in test.rows] == [
        ("1", "\"They said 'never'", "oppose"),
        ("2", '"Enough"', "support"),
        ("3", "café #SemST", "none"),
    ]
    assert [row.slices for row in test.rows] == [{"target": ("Truce",)}, {"target": ("Truce",)}, {"target": ("Rents",)}]
    assert test.encoding == "windows-1252"
    assert [row.context for row in test.rows] == [row.text for row in test.rows]
    assert test.rows[1].quotation == (Span(0, 8),)


def test_bytes_that_windows_1252_has_not_are_latin_1(tmp_path):
    path = written(tmp_path / "test.txt", SEMEVAL + "1\tTruce\t\x81\xe9\tNONE\n", "latin-1")
    assert rows_of(path).encoding == "latin-1"


def test_more_columns_than_semevals_four(tmp_path):
    path = written(tmp_path / "t", "ID\tTarget\tTweet\tStance\tOpinion towards\n1\ta\tb\tNONE\tTARGET\n")
    assert rows_of(path, Columns(slices=("opinion towards",))).rows[0].slices == {"opinion towards": ("TARGET",)}


def test_what_a_spreadsheet_quoted_in_a_tab_separated_file(tmp_path):
    path = written(tmp_path / "t", 'text\tlabel\n"She said ""stop"" twice"\tnone\n"Stop," and "go"\tnone\n')
    assert [row.text for row in rows_of(path).rows] == ['She said "stop" twice', '"Stop," and "go"']


def test_cells_of_csv_may_have_line_breaks_and_lines_are_counted(tmp_path):
    path = written(tmp_path / "t", 'text,label\n"one\ntwo",none\nthree,none\n')
    assert [(row.line, row.text) for row in rows_of(path).rows] == [(2, "one\ntwo"), (4, "three")]


def test_columns_can_be_named(tmp_path):
    path = lines(tmp_path / "t", {"words": "a", "around": "b a", "truth": "none", "war": "W", "quote": "other"})
    test = rows_of(path, Columns("Words", "around", "truth", "war", ("war",)), locate=True)
    (row,) = test.rows
    assert (row.text, row.context, row.quotation, row.group) == ("a", "b a", (Span(2, 3),), "W")
    assert test.group == "war"


@pytest.mark.parametrize("name", ["text", "context", "label", "group", "slices"])
def test_a_column_that_is_not_there_is_named_with_those_that_are(tmp_path, name):
    path = lines(tmp_path / "t", {"quote": "a", "label": "none"})
    columns = Columns(slices=("nowhere",)) if name == "slices" else Columns(**{name: "nowhere"})
    with pytest.raises(InputError, match="no column “nowhere”; there are quote, label"):
        rows_of(path, columns)


def test_the_group_is_the_first_usual_column_that_no_row_leaves_blank(tmp_path):
    rows = [
        {"quote": "a", "label": "none", "group": "g", "conflict": "c", "document": ["d"]},
        {"quote": "b", "label": "none", "conflict": "c", "document": "d"},
    ]
    path = lines(tmp_path / "t", *rows)
    test = rows_of(path)
    assert test.group == "conflict"
    assert len(set(test.groups)) == 1
    named = rows_of(path, Columns(group="group"))  # a row without one stands alone
    assert len(set(named.groups)) == 2
    assert rows_of(lines(tmp_path / "t", {"quote": "a", "label": "none"})).group is None
    path = lines(tmp_path / "t", {"quote": "a", "label": "none", "group": "g"}, {"quote": "a", "label": "bad"})
    assert rows_of(path).group == "group"  # what cannot be used does not count


def test_values_of_slices(tmp_path):
    rows = [
        {"quote": "a", "label": "none", "x": ["one", "two", "one"]},
        {"quote": "a", "label": "none", "x": True},
        {"quote": "a", "label": "none", "x": 1.5},
        {"quote": "a", "label": "none", "x": []},
        {"quote": "a", "label": "none"},
    ]
    test = rows_of(lines(tmp_path / "t", *rows), Columns(slices=("x",)))
    values = [row.slices["x"] for row in test.rows]
    assert values == [("one", "two"), ("true",), ("1.5",), ("(blank)",), ("(blank)",)]


# --- where a quotation stands ---


@pytest.mark.parametrize(
    ("quote", "context", "pieces"),
    [
        ("now", "Not now: “now or never,” she said.", ["now"]),
        ("truce", "The truce is “a truce in name”.", ["truce"]),
        ("We tried, and failed.", "“We tried,” she said, “and failed.”", ["We tried,", "and failed."]),
        (
            "We tried, We failed.",
            "He was sad. “We tried.” A pause. “We failed.” She left.",
            ["We tried.", "We failed."],
        ),
        ("don’t stop", "“Don't stop,” he said.", ["Don't stop,"]),
        ("C", "A “C”", ["C"]),
        ("no, no, never", "“No,” and “no,” and “no,” she said, “never”.", ["no,", "no,", "never"]),
    ],
)
def test_a_quotation_is_found_in_its_context(quote, context, pieces):
    assert [span.of(context) for span in located(quote, context)] == pieces


def test_of_several_places_the_marked_one_counts():
    context = "Not now: “now or never,” she said."
    assert located("now", context) == (Span(10, 13),)


@pytest.mark.parametrize("context", ["“We failed,” she said.", "We tried and she said, and failed.", "…"])
def test_what_does_not_stand_in_its_context(context):
    with pytest.raises(ValueError, match="does not stand in its context"):
        located("We tried, and failed.", context)


# --- bad rows ---

GOOD = {"id": "1", "quote": "a", "context": "b “a”", "label": "none"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("{", "it is not JSON: Expecting property name enclosed in double quotes at character 2"),
        ("[1]", "it is no JSON object"),
        ("1" * 5000, "it is not JSON that can be read"),
        ("[" * 100_000, "it is not JSON that can be read"),
        ({"label": "none"}, "“quote” is blank"),
        ({**GOOD, "quote": " "}, "“quote” is blank"),
        ({**GOOD, "quote": ["a"]}, "“quote” is no text"),
        ({**GOOD, "quote": "a\x00"}, "“quote”: the character at offset 1 is NUL"),
        ('{"quote": "\\ud800", "label": "none"}', "“quote”: the character at offset 0 is the lone surrogate U+D800"),
        ({**GOOD, "context": {"a": 1}}, "“context” is no text"),
        ({**GOOD, "label": None}, "“label” is blank"),
        ({**GOOD, "label": "FAVOR"}, "the label “FAVOR” is none of support, oppose, conditional, none, and no map"),
        ({**GOOD, "quote": "z"}, "the quotation does not stand in its context"),
        ({**GOOD, "x": {"a": 1}}, "“x” is neither a value nor a list of values"),
        ({**GOOD, "x": [["a"]]}, "“x” is neither a value nor a list of values"),
        ({**GOOD, "x": "\ud800"}, "“x”: the character at offset 0 is the lone surrogate"),
    ],
)
def test_bad_rows_are_told_with_line_and_reason(tmp_path, row, reason):
    path = lines(tmp_path / "t", {**GOOD, "x": "x"}, "", row, GOOD)
    test = rows_of(path, Columns(slices=("x",)), locate=True)
    ((line, said),) = [(bad.line, bad.reason) for bad in test.bad]
    assert line == 3
    assert said.startswith(reason)
    assert [(one.position, one.line) for one in test.rows] == [(0, 1), (2, 4)]
    assert test.size == 3


def test_only_the_classifier_needs_to_know_where_a_quotation_stands(tmp_path):
    assert reasons(lines(tmp_path / "t", {**GOOD, "quote": "z"})) == []


@pytest.mark.parametrize(
    ("text", "bad"),
    [
        (
            "text,label\na,none\nb\nc,none,x\n",
            [(3, "it has 1 cells where the header has 2"), (4, "it has 3 cells where")],
        ),
        ('text,label\n"a" b,none\nc,none\n', [(2, "it is not CSV: ',' expected after '\"'")]),
        ("text\tlabel\na\tb\tnone\nc\tnone\n", [(2, "it has 3 cells where the header has 2")]),
        (SEMEVAL + "1\ta\tb\tUNKNOWN\n", [(2, "the label “UNKNOWN” is none of")]),
    ],
)
def test_bad_rows_of_separated_files(tmp_path, text, bad):
    found = reasons(written(tmp_path / "t", text))
    assert [line for line, _ in found] == [line for line, _ in bad]
    assert all(reason.startswith(said) for (_, reason), (_, said) in zip(found, bad, strict=True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there are no rows in it"),
        ("text,label\n", "there are no rows in it"),
        ('"text"s,label\na,none\n', "line 1: it is not CSV"),
        ('[{"text": "a"}]', "it is a JSON list; write JSON Lines"),
        ("text,text,label\na,b,none\n", "two columns are called “text”"),
        ('text,label\n"a,none\nb,none\n', "line 2: a cell opens with a quotation mark and never closes"),
        ("words,label\na,none\n", "no column is called quote or quotation or text or tweet; name one with --text"),
        (
            "text,answer\na,none\n",
            "no column is called label or stance; name one with --label; the columns are text, answer",
        ),
    ],
)
def test_files_that_cannot_be_read_at_all(tmp_path, text, said):
    with pytest.raises(InputError) as caught:
        rows_of(written(tmp_path / "t", text))
    assert said in str(caught.value)


def test_a_file_that_is_not_there(tmp_path):
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(InputError, match=f"{path}: "):
            rows_of(path)


def test_labels_that_nobody_knows_get_an_example(tmp_path):
    path = lines(tmp_path / "t", *({**GOOD, "label": label} for label in ("FAVOR", "AGAINST", "none", "FAVOR")))
    said = listed(path, 4, rows_of(path).bad)
    assert "labels to explain: FAVOR, AGAINST; for example with --map FAVOR=support,AGAINST=oppose,NONE=none" in said
    assert reasons(path, mapping="favor=support, Against = oppose") == []


def test_a_long_list_of_bad_rows_is_cut(tmp_path):
    path = lines(tmp_path / "t", GOOD, *({"label": "none"} for _ in range(60)))
    said = listed(path, 61, rows_of(path).bad)
    assert said.count("\n") == 51
    assert said.startswith(f"{path}: 60 of 61 rows cannot be used:\n  line 2: “quote” is blank")
    assert said.endswith("and 10 more")


@pytest.mark.parametrize("text", ["FAVOR", "FAVOR=pro", "=none", "a=none,,b=none"])
def test_a_map_that_is_none(text):
    with pytest.raises(InputError, match="is not LABEL=STANCE"):
        label_map(text)


# --- predictions ---


def predictions_of(tmp_path, *rows, mapping=""):
    return read_predictions(lines(tmp_path / "pred", *rows), label_map(mapping) if mapping else {})


@pytest.mark.parametrize("column", ["prediction", "predicted", "label", "stance"])
def test_predictions_are_read(tmp_path, column):
    (one,) = predictions_of(tmp_path, {"id": 7, column: "NONE"})
    assert (one.id, one.label, one.probabilities) == ("7", "none", None)


def test_probabilities_as_an_object_and_as_columns(tmp_path):
    (one,) = predictions_of(tmp_path, {"label": "none", "probabilities": {"none": 0.75, "support": 0.25}})
    assert one.probabilities == (0.25, 0, 0, 0.75)
    path = written(tmp_path / "p", "label,support,Oppose,conditional,none\noppose,0.1,0.8,0.1,\n")
    (one,) = read_predictions(path, {})
    assert one.probabilities == pytest.approx((0.1, 0.8, 0.1, 0))
    path = written(tmp_path / "p", "label\tFAVOR\tPRO\tNONE\nFAVOR\t0.3\t0.3\t0.401\n")
    (one,) = read_predictions(path, label_map("FAVOR=support,PRO=support"))
    assert one.probabilities == pytest.approx((0.6 / 1.001, 0, 0, 0.401 / 1.001))


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"label": "maybe"}, "the label “maybe” is none of"),
        ({"label": ""}, "“label” is blank"),
        ({"label": "none", "probabilities": {"maybe": 1}}, "the label “maybe” is none of"),
        ({"label": "none", "probabilities": [1]}, "“probabilities” is no object"),
        ({"label": "none", "probabilities": {"none": 0.9}}, "the probabilities sum up to 0.9, not to 1"),
        ({"label": "none", "probabilities": {"none": 1.5}}, "the probability 1.5 is no number from 0 to 1"),
        ({"label": "none", "probabilities": {"none": float("nan")}}, "the probability NaN is no number"),
        ({"label": "none", "probabilities": {"none": "x"}}, 'the probability "x" is no number'),
        ({"label": "none"}, "give probabilities in all rows or in none"),
    ],
)
def test_bad_predictions_stop_everything(tmp_path, row, reason):
    good = {"label": "none", "probabilities": {"none": 1}}
    with pytest.raises(BadRows) as caught:
        predictions_of(tmp_path, good, row)
    assert str(caught.value).startswith(f"{tmp_path / 'pred'}: 1 of 2 rows cannot be used:\n  line 2: {reason}")


def a_test(tmp_path, *rows):
    return rows_of(lines(tmp_path / "t", *rows))


def test_predictions_by_id(tmp_path):
    test = a_test(tmp_path, {**GOOD, "id": "x"}, {"label": "bad"}, {**GOOD, "id": "y"})
    found = predictions_of(
        tmp_path, *({"id": name, "label": label} for name, label in zip("zyx", LABELS, strict=False))
    )
    assert [one.label for one in matched(test, found, "pred")] == ["conditional", "oppose"]


def test_predictions_in_order_count_the_bad_rows_too(tmp_path):
    test = a_test(tmp_path, {**GOOD, "id": "x"}, {"label": "bad"}, {**GOOD, "id": "y"})
    found = predictions_of(tmp_path, *({"label": label} for label in LABELS[:3]))
    assert [one.label for one in matched(test, found, "pred")] == ["support", "conditional"]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"label": "none"}], "pred: it has 1 rows where the test set has 2; give every row of both an “id”"),
        ([{"id": "x", "label": "none"}], "pred: it has no row for 1 of 2 ids, “y” the first"),
        ([{"id": "x", "label": "none"}] * 2, "pred, line 2: it repeats the id of line 1"),
    ],
)
def test_predictions_that_do_not_fit(tmp_path, rows, said):
    test = a_test(tmp_path, {**GOOD, "id": "x"}, {**GOOD, "id": "y"})
    with pytest.raises(InputError, match=said):
        matched(test, predictions_of(tmp_path, *rows), "pred")


def test_ids_of_a_test_set_differ_where_they_are_needed(tmp_path):
    test = a_test(tmp_path, GOOD, GOOD)
    with pytest.raises(InputError, match="the test set, line 2: it repeats the id of line 1"):
        matched(test, predictions_of(tmp_path, {"id": "1", "label": "none"}), "pred")


def test_a_file_of_bad_rows_only(tmp_path):
    with pytest.raises(BadRows, match="2 of 2 rows cannot be used:\n  line 1: it is not JSON"):
        rows_of(lines(tmp_path / "t", "{", "[]"))
