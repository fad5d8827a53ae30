"""The forms in which an analysis can be had, chosen by the request's Accept header: JSON, JSON-LD, CSV.

Every form is made from the plain values of `quotes.exports.to_dict`, so that a stored analysis is served like a fresh one.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from mimeparse import MimeTypeParseException, best_match

from api.errors import NOT_ACCEPTABLE, Problem
from quotes.exports import to_csv
from quotes.linked_data import to_annotation_page, to_news_article

_LONGEST_ACCEPT = 1000  # characters; reading it takes time quadratic in them


class Form(StrEnum):
    """A form of an analysis: its media type. Where a client likes several alike, it gets the last of them."""

    ANNOTATIONS = 'application/ld+json; profile="http://www.w3.org/ns/anno.jsonld"'
    CSV = "text/csv"
    NEWS_ARTICLE = "application/ld+json"
    JSON = "application/json"


def form_accepted(request: Request) -> Form:
    """The form that the client prefers, JSON where it does not say; for routes to depend on. Raises Problem (406)."""
    accepted = ", ".join(request.headers.getlist("accept")).strip() or "*/*"
    try:
        found = "" if len(accepted) > _LONGEST_ACCEPT else best_match(list(Form), accepted.lower())
    except MimeTypeParseException:
        found = ""
    if not found:
        raise Problem(NOT_ACCEPTABLE, "an analysis can be had as " + ", ".join(reversed(Form)))
    return Form(found)


def answer(analysis: Mapping[str, Any], form: Form) -> Response:
    """The answer that carries an analysis, as `to_dict` gave it, in the form that was chosen."""
    varies = {"Vary": "Accept"}
    match form:
        case Form.JSON:
            return JSONResponse(analysis, headers=varies)
        case Form.NEWS_ARTICLE:
            return JSONResponse(to_news_article(analysis), headers=varies, media_type=form)
        case Form.ANNOTATIONS:
            return JSONResponse(to_annotation_page(analysis), headers=varies, media_type=form)
        case Form.CSV:
            return Response("".join(to_csv([analysis])), headers=varies, media_type=form)


# What FastAPI's `responses` needs, for status 200, to document the forms beside JSON, which the response model documents.
DOCUMENTED: dict[str, Any] = {
    "description": "The analysis, in the form that Accept asks for.",
    "content": {
        Form.NEWS_ARTICLE.value: {
            "schema": {
                "description": "A schema.org NewsArticle whose `hasPart` are its Quotations.",
                "type": "object",
                "required": ["@context", "@type", "hasPart"],
                "properties": {
                    "@type": {"const": "NewsArticle"},
                    "hasPart": {"type": "array", "items": {"type": "object", "required": ["@type", "text"]}},
                },
            }
        },
        Form.ANNOTATIONS.value: {
            "schema": {
                "description": "A page of W3C Web Annotations, one for each quotation.",
                "type": "object",
                "required": ["@context", "id", "type", "items"],
                "properties": {
                    "@context": {"const": "http://www.w3.org/ns/anno.jsonld"},
                    "type": {"const": "AnnotationPage"},
                    "items": {"type": "array", "items": {"type": "object", "required": ["id", "type", "target"]}},
                },
            }
        },
        Form.CSV.value: {"schema": {"type": "string", "description": "A header, then a row for each quotation."}},
    },
}
