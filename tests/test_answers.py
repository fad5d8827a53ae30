"""The forms of an answer, and how they are chosen."""

import csv
import io

import pytest
from pyld import jsonld

from api.answers import Form, answer
from quotes.exports import CSV_COLUMNS, to_dict
from quotes.linked_data import to_annotation_page, to_news_article
from quotes.reading import from_html, from_text
from tests.test_api import URL, Canned, assert_problem, service
from tests.test_exports import HTML, TEXT, analysed

pytestmark = pytest.mark.anyio

SCHEMA = "https://schema.org/"
OA = "http://www.w3.org/ns/oa#"
# What the two public contexts say of the terms that are used here; nothing is fetched.
CONTEXTS = {
    "https://schema.org": {"@vocab": SCHEMA, "url": {"@type": "@id"}, "isBasedOn": {"@type": "@id"}},
    "http://www.w3.org/ns/anno.jsonld": {
        "id": "@id",
        "type": "@type",
        "@vocab": OA,
        "items": {"@id": "https://www.w3.org/ns/activitystreams#items", "@container": "@list"},
        "body": {"@id": OA + "hasBody", "@type": "@id"},
        "target": {"@id": OA + "hasTarget", "@type": "@id"},
        "source": {"@id": OA + "hasSource", "@type": "@id"},
        "selector": {"@id": OA + "hasSelector", "@type": "@id"},
        "motivation": {"@id": OA + "motivatedBy", "@type": "@vocab"},
        "purpose": {"@id": OA + "hasPurpose", "@type": "@vocab"},
    },
}


def expanded(document):
    def load(url, options):
        return {"contentType": None, "contextUrl": None, "documentUrl": url, "document": {"@context": CONTEXTS[url]}}

    (node,) = jsonld.expand(document, {"documentLoader": load})
    return node


def values(nodes):
    return [node.get("@value", node.get("@id")) for node in nodes]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Form.JSON),
        ("*/*", Form.JSON),
        ("*", Form.JSON),
        ("application/*", Form.JSON),
        ("text/html,application/xhtml+xml,*/*;q=0.8", Form.JSON),
        ("Application/JSON", Form.JSON),
        ("text/csv", Form.CSV),
        ("text/*", Form.CSV),
        ("application/json;q=0.5, text/csv", Form.CSV),
        ("application/ld+json", Form.NEWS_ARTICLE),
        ('application/ld+json;profile="http://www.w3.org/ns/anno.jsonld"', Form.ANNOTATIONS),
        ('application/ld+json; PROFILE="http://www.w3.org/ns/anno.jsonld"; q=0.9, */*;q=0.1', Form.ANNOTATIONS),
        ("application/json;q=0, text/csv;q=0, application/*", Form.NEWS_ARTICLE),
        ("image/png, text/csv;q=0.1", Form.CSV),
    ],
)
async def test_accept_chooses_the_form(accept, form):
    async with service(Canned) as client:
        response = await client.post(URL, json={"text": TEXT}, headers={"Accept": accept})
        assert response.status_code == 200
        wanted = answer(to_dict(analysed(from_text(TEXT))), form)
        assert response.content == wanted.body
        assert response.headers["content-type"] == wanted.headers["content-type"]
        assert response.headers["content-type"].startswith(form)
        assert response.headers["vary"] == "Accept"


@pytest.mark.parametrize("accept", ["text/html", "json", "a/b/c", "*/*;q=0", ";", 'a/b;"' + ";" * 50_000])
async def test_what_cannot_be_served_is_a_problem_that_names_what_can(accept):
    async with service() as client:
        problem = assert_problem(
            await client.post(URL, json={"text": "a"}, headers={"Accept": accept}), 406, "not-acceptable"
        )
    assert all(form in problem.detail for form in Form)


async def test_several_accept_headers_are_one():
    async with service(Canned) as client:
        headers = [("Accept", "image/png"), ("Accept", "text/csv")]
        response = await client.post(URL, json={"text": TEXT}, headers=headers)
    rows = list(csv.reader(io.StringIO(response.text, newline="")))
    assert (tuple(rows[0]), len(rows)) == (CSV_COLUMNS, 4)


def test_the_article_is_a_news_article_with_quotations():
    exported = to_dict(analysed(from_html(HTML, title="T", url="https://news.example/1", id="I")))
    article = expanded(to_news_article(exported))
    assert article["@type"] == [SCHEMA + "NewsArticle"]
    assert values(article[SCHEMA + "headline"]) == ["T"]
    assert values(article[SCHEMA + "url"]) == ["https://news.example/1"]
    first, second = article[SCHEMA + "hasPart"]  # the nickname is no quotation
    assert first["@type"] == [SCHEMA + "Quotation"]
    assert values(first[SCHEMA + "text"]) == ["No 𝒳 truce not now"]
    (speaker,) = first[SCHEMA + "creator"]
    assert speaker["@type"] == [SCHEMA + "Person"]
    assert values(speaker[SCHEMA + "name"]) == ["Ann Lee"]
    assert values(speaker[SCHEMA + "identifier"]) == ["desk-0101"]
    assert values(first["urn:quotes:vocabulary:stance"]) == ["oppose"]
    assert values(first["urn:quotes:vocabulary:probability"]) == [0.7]
    assert SCHEMA + "creator" not in second  # nobody is named


def test_a_document_is_what_a_quotation_is_based_on():
    exported = to_dict(analysed(from_text(TEXT)))
    exported["quotations"][0]["speaker"] |= {"kind": "document", "name": "the resolution", "identifier": None}
    part = to_news_article(exported)["hasPart"][0]
    assert part["isBasedOn"] == {"@type": "CreativeWork", "name": "the resolution"}
    assert "creator" not in part


def test_quotations_are_annotations_of_their_spans():
    page = to_annotation_page(to_dict(analysed(from_text(TEXT, url="https://news.example/1"))))
    node = expanded(page)
    assert node["@type"] == [OA + "AnnotationPage"]
    first, second = node["https://www.w3.org/ns/activitystreams#items"][0]["@list"]
    assert values(first[OA + "motivatedBy"]) == [OA + "identifying"]
    assert [(values(b[OA + "hasPurpose"]), values(b[OA + "value"])) for b in first[OA + "hasBody"]] == [
        ([OA + "identifying"], ["Ann Lee"]),
        ([OA + "describing"], ["“Ann Lee” is the subject of “said”."]),
        ([OA + "classifying"], ["oppose"]),
    ]
    assert [values(b[OA + "value"]) for b in second[OA + "hasBody"]] == [["No speaker is near."]]
    assert len(first[OA + "hasTarget"]) == 2  # it is interrupted
    for target, span in zip(page["items"][0]["target"], ("No 𝒳 truce", "not now"), strict=True):
        quote, position = target["selector"]
        assert (quote["type"], quote["exact"]) == ("TextQuoteSelector", span)
        assert TEXT[position["start"] : position["end"]] == span
    for target in first[OA + "hasTarget"]:
        assert target["@type"] == [OA + "SpecificResource"]
        assert values(target[OA + "hasSource"]) == ["https://news.example/1"]


def test_annotations_of_html_have_ranges_in_the_dom():
    first = to_annotation_page(to_dict(analysed(from_html(HTML))))["items"][0]
    assert first["target"][0]["selector"][2] == {
        "type": "RangeSelector",
        "startSelector": {
            "type": "XPathSelector",
            "value": "p[1]/text()[1]",
            "refinedBy": {"type": "TextPositionSelector", "start": 1, "end": 1},
        },
        "endSelector": {
            "type": "XPathSelector",
            "value": "p[1]/b[1]/text()[1]",
            "refinedBy": {"type": "TextPositionSelector", "start": 5, "end": 5},
        },
    }


def test_identifiers_of_annotations_are_stable_and_differ():
    def page(**what):
        return to_annotation_page(to_dict(analysed(from_text(TEXT, **what))))

    ids = [page()["id"], *(item["id"] for item in page()["items"])]
    assert len(set(ids)) == 3
    assert all(identifier.startswith("urn:uuid:") for identifier in ids)
    assert page() == page()
    assert not {item["id"] for item in page(id="I")["items"]} & set(ids)
    assert page()["items"][0]["target"][0]["source"] == page()["id"]
    assert page(id="a b/ü")["items"][0]["target"][0]["source"] == "urn:quotes:article:a%20b%2F%C3%BC"
