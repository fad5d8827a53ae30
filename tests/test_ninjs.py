import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quotes.errors import EmptyArticle, InputError, UnreadableArticle
from quotes.reading import from_file, from_ninjs
from tests.test_api import URL, Quick, assert_problem, service

# The forms in which the three generations of the standard write the same.
ITEMS = {
    "1.x": {
        "uri": "https://news.example/1",
        "type": "text",
        "headline": "Harbour closed",
        "headline_web": "The harbour is closed",
        "description_text": "“Not this,” he said.",
        "body_text": "“As text,” she said.",
        "body_html": "<p>“As HTML,” she said.</p>",
    },
    "2.x": {
        "uri": "https://news.example/1",
        "type": "text",
        "headlines": [{"role": "web", "value": "The harbour is closed"}, {"role": "main", "value": "Harbour closed"}],
        "bodies": [
            {"role": "text", "contenttype": "text/plain", "value": "“As text,” she said."},
            {"role": "html", "contenttype": "text/html", "charcount": 27, "value": "<p>“As HTML,” she said.</p>"},
        ],
    },
    "3.x": {
        "uri": "https://news.example/1",
        "standard": {"name": "ninjs", "version": "3.0"},
        "headlines": [{"value": "Harbour closed"}],
        "bodies": [
            {"role": "text", "contentType": "text/plain", "value": "“As text,” she said."},
            {"contentType": "text/html; charset=utf-8", "value": "<p>“As HTML,” she said.</p>"},
        ],
    },
}


@pytest.mark.parametrize(
    ("version", "body"), [("1.x", "/body_html"), ("2.x", "/bodies/1/value"), ("3.x", "/bodies/1/value")]
)
def test_an_item_of_each_generation_is_read(version, body):
    article = from_ninjs(ITEMS[version])
    assert article.text == "“As HTML,” she said."
    assert article.source == "<p>“As HTML,” she said.</p>"
    assert article.body == body
    assert (article.title, article.url, article.id) == (
        "Harbour closed",
        "https://news.example/1",
        "https://news.example/1",
    )


def test_what_is_given_goes_before_what_the_item_says():
    article = from_ninjs(ITEMS["1.x"], title="T", url="U", id="I")
    assert (article.title, article.url, article.id) == ("T", "U", "I")
    assert from_ninjs(ITEMS["1.x"] | {"uri": "urn:newsml:1"}).url is None


@pytest.mark.parametrize(
    ("item", "body", "text"),
    [
        ({"body_xhtml": "<p>a<br/>b"}, "/body_xhtml", "a\nb"),
        ({"body_text": "a <b>"}, "/body_text", "a <b>"),
        ({"body_nitf": "<nitf/>", "body_plain": "a"}, "/body_plain", "a"),
        ({"body_html": "a", "body_main_html": "b"}, "/body_main_html", "b"),
        ({"body_a/b_text": "a"}, "/body_a~1b_text", "a"),
        ({"bodies": [{"value": "a <b>"}]}, "/bodies/0/value", "a <b>"),
        ({"bodies": [{"role": "html", "value": "a <b>b"}]}, "/bodies/0/value", "a b"),
        ({"bodies": [{"role": "short", "value": "a"}, {"role": "main", "value": "b"}]}, "/bodies/1/value", "b"),
        ({"bodies": [{"contenttype": "Application/XHTML+XML", "value": "<p>a"}]}, "/bodies/0/value", "a"),
        ({"bodies": [{"contenttype": "text/plain"}, {"value": "a"}], "body_text": None}, "/bodies/1/value", "a"),
    ],
)
def test_the_body_is_chosen(item, body, text):
    article = from_ninjs(item)
    assert (article.body, article.text) == (body, text)
    assert (article.title, article.url, article.id) == (None, None, None)


@pytest.mark.parametrize(
    ("item", "error", "said"),
    [
        ({}, EmptyArticle, "no body"),
        ({"type": "picture", "description_text": "a"}, EmptyArticle, "type is “picture”"),
        ({"bodies": []}, EmptyArticle, "no body"),
        ({"bodies": [{"role": "main"}]}, EmptyArticle, "no body"),
        ({"body_html": "<p> </p>"}, EmptyArticle, "no text"),
        ({"body_nitf": "<nitf/>"}, UnreadableArticle, "/body_nitf"),
        ({"bodies": [{"contentType": "application/nitf+xml", "value": "a"}]}, UnreadableArticle, "application/nitf"),
        ({"bodies": {"value": "a"}}, UnreadableArticle, "/bodies of the ninjs item is no array"),
        ({"bodies": ["a"]}, UnreadableArticle, "/bodies/0 of the ninjs item is no object"),
        ({"bodies": [{"value": 1}]}, UnreadableArticle, "/bodies/0/value of the ninjs item is no string"),
        ({"body_text": "a", "headline": 1}, UnreadableArticle, "/headline of the ninjs item is no string"),
        ({"body_text": "a\0"}, UnreadableArticle, "NUL"),
    ],
)
def test_an_item_that_cannot_be_read_is_refused_with_the_reason(item, error, said):
    with pytest.raises(error, match=said):
        from_ninjs(item)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)
MEMBERS = st.lists(
    JSON | st.fixed_dictionaries({}, optional=dict.fromkeys(("role", "contentType", "value"), JSON)), max_size=3
)


@given(
    st.fixed_dictionaries(
        {},
        optional={"bodies": MEMBERS, "headlines": MEMBERS}
        | dict.fromkeys(("uri", "headline", "body_html", "title"), JSON),
    )
)
def test_any_item_is_read_or_refused(item):
    try:
        article = from_ninjs(item)
    except InputError:
        return
    value = item
    for step in article.body.split("/")[1:]:
        value = value[int(step) if isinstance(value, list) else step]
    assert value == (article.text if article.source is None else article.source)


def test_json_files_are_items(tmp_path):
    path = tmp_path / "item.json"
    path.write_text(json.dumps(ITEMS["2.x"]))
    article = from_file(path)
    assert (article.body, article.id, article.url) == ("/bodies/1/value", str(path), "https://news.example/1")
    for text, said in [("{", "not JSON"), ("[]", "no ninjs item"), ("[" * 100_000, "not JSON"), ("{}", "no body")]:
        path.write_text(text)
        with pytest.raises(InputError, match=rf"item\.json: .*{said}"):
            from_file(path)


# --- over HTTP ---

anyio = pytest.mark.anyio


@anyio
@pytest.mark.parametrize("version", ITEMS)
async def test_an_item_is_analysed(version):
    async with service(Quick) as client:
        answer = (await client.post(URL, json={"ninjs": ITEMS[version], "id": "1"})).json()
    assert answer["article"] == {
        "id": "1",
        "title": "Harbour closed",
        "url": "https://news.example/1",
        "text": "“As HTML,” she said.",
        "body": from_ninjs(ITEMS[version]).body,
    }


@anyio
async def test_bad_items_get_problems():
    deep = item = {"body_text": "a"}
    for _ in range(60):
        item["x"] = item = {}
    cases = [
        ({"type": "video"}, 422, "empty-article"),
        ({"bodies": 1}, 422, "unreadable-article"),
        ({"body_html": "<div>" * 300 + "a"}, 413, "article-too-deep"),
        ({"body_text": "a", "copyrightnotice": "\ud800"}, 422, "invalid-request"),
        ({"body_text": "a", "\0": []}, 422, "invalid-request"),
        ([], 422, "invalid-request"),
        (deep, 422, "invalid-request"),
    ]
    async with service(Quick) as client:
        for item, *expected in cases:
            body = json.dumps({"ninjs": item})
            headers = {"Content-Type": "application/json"}
            assert_problem(await client.post(URL, content=body, headers=headers), *expected, ["#/ninjs"])
        both = {"ninjs": ITEMS["1.x"], "text": "a"}
        assert_problem(await client.post(URL, json=both), 422, "invalid-request", ["#"])


@anyio
async def test_an_item_is_stored_by_the_callers_id():
    async with service(Quick) as client:
        put = await client.put("/v1/articles/a-1", json={"ninjs": ITEMS["3.x"]})
        assert put.status_code == 201, put.text
        got = (await client.get("/v1/articles/a-1")).json()
        assert (got["article"]["id"], got["article"]["body"]) == ("a-1", "/bodies/1/value")
