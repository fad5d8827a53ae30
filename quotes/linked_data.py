"""An analysis as linked data: schema.org, and the W3C Web Annotation model. Both are made from what `to_dict` gives."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote
from uuid import NAMESPACE_URL, UUID, uuid5

from quotes.document import QuotationKind, SpeakerKind

# schema.org has no terms for these two.
_VOCABULARY = {"quotes": "urn:quotes:vocabulary:", "stance": "quotes:stance", "stanceProbability": "quotes:probability"}

_TYPES = {
    SpeakerKind.PERSON: "Person",
    SpeakerKind.UNNAMED: "Person",
    SpeakerKind.ORGANISATION: "Organization",
    SpeakerKind.GROUP: "Organization",
}


def to_news_article(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """A schema.org NewsArticle whose parts are its quotations, from an analysis as `to_dict` gives it.

    A speaker is the Quotation's `creator`, a document that is quoted is what it `isBasedOn`. What is not speech is left
    out, and so is what is not known.
    """
    article = analysis["article"]
    return _known(
        {
            "@context": ["https://schema.org", _VOCABULARY],
            "@type": "NewsArticle",
            "identifier": article["id"],
            "url": article["url"],
            "headline": article["title"],
            "articleBody": article["text"],
            "hasPart": [_schema_quotation(quotation) for quotation in _spoken(analysis)],
        }
    )


def to_annotation_page(analysis: Mapping[str, Any]) -> dict[str, Any]:
    """A page of W3C Web Annotations, one a quotation, from an analysis as `to_dict` gives it.

    The target is each span of the quotation in the article (its URL, or a URN made of its id), the bodies say who speaks
    (`identifying`), how that is known (`describing`) and the stance (`classifying`). What is not speech is left out.
    Identifiers are made from what they identify: the same analysis always has the same.
    """
    article = analysis["article"]
    page = _uuid([article, analysis["models"], [q["spans"] for q in analysis["quotations"]]])
    source = article["url"] or (page.urn if article["id"] is None else "urn:quotes:article:" + quote(article["id"], ""))
    return {
        "@context": "http://www.w3.org/ns/anno.jsonld",
        "id": page.urn,
        "type": "AnnotationPage",
        "items": [_annotation(quotation, source, page) for quotation in _spoken(analysis)],
    }


def _spoken(analysis: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [quotation for quotation in analysis["quotations"] if quotation["kind"] != QuotationKind.NOT_SPEECH]


def _schema_quotation(quotation: Mapping[str, Any]) -> dict[str, Any]:
    speaker, stance = quotation["speaker"], quotation["stance"]
    said: dict[str, Any] = {"@type": "Quotation", "text": quotation["text"]}
    if speaker and speaker["name"] is not None:
        who = {"name": speaker["name"], "identifier": speaker["identifier"]}
        if speaker["kind"] == SpeakerKind.DOCUMENT:
            said["isBasedOn"] = _known({"@type": "CreativeWork", **who})
        else:
            said["creator"] = _known({"@type": _TYPES.get(speaker["kind"]), **who})
    if stance:
        said |= {"stance": stance["label"], "stanceProbability": stance["probability"]}
    return said


def _annotation(quotation: Mapping[str, Any], source: str, page: UUID) -> dict[str, Any]:
    speaker, stance = quotation["speaker"], quotation["stance"]
    bodies = []
    if speaker and speaker["name"] is not None:
        bodies.append(_body("identifying", speaker["name"]))
    if speaker:
        bodies.append(_body("describing", speaker["explanation"]))
    if stance:
        bodies.append(_body("classifying", stance["label"]))
    return {
        "id": _uuid([page.urn, quotation["spans"]]).urn,
        "type": "Annotation",
        "motivation": "identifying",
        "body": bodies,
        "target": [
            {"type": "SpecificResource", "source": source, "selector": _selectors(span)} for span in quotation["spans"]
        ],
    }


def _body(purpose: str, value: str) -> dict[str, str]:
    return {"type": "TextualBody", "purpose": purpose, "value": value, "format": "text/plain"}


def _selectors(span: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = span["selectors"]
    selectors = [selector for selector in (found["quote"], found["position"]) if selector is not None]
    if place := found["range"]:
        ends = {"startSelector": _point(place["start"]), "endSelector": _point(place["end"])}
        selectors.append({"type": "RangeSelector", **ends})
    return selectors


def _point(point: Mapping[str, Any]) -> dict[str, Any]:
    at = {"type": "TextPositionSelector", "start": point["offset"], "end": point["offset"]}
    return {"type": "XPathSelector", "value": point["path"], "refinedBy": at}


def _known(properties: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in properties.items() if value is not None}


def _uuid(identified: object) -> UUID:
    return uuid5(NAMESPACE_URL, "urn:quotes:" + json.dumps(identified, sort_keys=True))
