"""PUT, GET, DELETE /v1/articles/{id}, and its versions."""

import threading
from dataclasses import replace
from urllib.parse import quote

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import articles, schemas
from api.answers import Form
from api.database import Database
from api.jobs import Outcome
from quotes.artefacts import Artefact
from tests.test_api import CASES, Canned, assert_problem, service
from tests.test_exports import HTML, TEXT

pytestmark = pytest.mark.anyio

URL = "/v1/articles/2024-118"
FIRST, SECOND, THIRD = ({"text": f"{TEXT} {word}"} for word in ("First.", "Second.", "Third."))


class Model(Canned):
    """Counts what it analyses."""

    def __init__(self, digest="1"):
        self.models = {"stance": Artefact("stance", None, {"files": {"stance.skops": digest}})}
        self.analysed = []

    def analyse(self, article):
        self.analysed.append(article.text)
        return replace(super().analyse(article), models={"stance": self.models["stance"].version})

    def times(self, body):
        return self.analysed.count(body["text"])


@pytest.fixture
def model():
    return Model()


async def test_a_stored_article_is_what_an_analysis_answers(model):
    async with service(lambda: model) as client:
        for body in (FIRST, {"html": HTML, "title": "T", "url": "U"}):
            put = await client.put(URL, json=body)
            posted = await client.post("/v1/analyses", json={**body, "id": "2024-118"})
            got = await client.get(URL)
            assert put.content == posted.content == got.content
            assert got.headers["etag"] == put.headers["etag"]
            assert {put.headers["content-type"], got.headers["content-type"]} == {"application/json"}
            schemas.Analysis.model_validate_json(got.content, strict=True)


async def test_the_first_version_creates_the_article(model):
    async with service(lambda: model) as client:
        assert_problem(await client.get(URL), 404, "not-found")
        assert_problem(await client.get(URL + "/versions"), 404, "not-found")
        first = await client.put(URL, json=FIRST)
        assert (first.status_code, first.headers["location"]) == (201, URL)
        second = await client.put(URL, json=SECOND)
        assert second.status_code == 200
        assert "location" not in second.headers


async def test_the_same_content_is_neither_analysed_nor_stored_again(model):
    async with service(lambda: model) as client:
        new = await client.put(URL, json=FIRST)
        kept = await client.put(URL, json=FIRST)
        assert (new.headers["quotes-analysis"], kept.headers["quotes-analysis"]) == ("new", "kept")
        assert (new.status_code, kept.status_code) == (201, 200)
        assert (new.content, new.headers["etag"]) == (kept.content, kept.headers["etag"])
        assert len((await client.get(URL + "/versions")).json()["versions"]) == 1
        other = await client.put("/v1/articles/other", json=FIRST)
        assert other.json()["article"]["id"] == "other"
        assert other.headers["quotes-analysis"] == "new"
    assert model.times(FIRST) == 2


async def test_versions_are_kept_and_an_earlier_one_comes_back(model):
    async with service(lambda: model) as client:
        answers = [await client.put(URL, json=body) for body in (FIRST, SECOND, FIRST)]
        listed = schemas.ArticleVersions.model_validate_json((await client.get(URL + "/versions")).content).versions
        assert [f'"{version.version}"' for version in listed] == [a.headers["etag"] for a in answers[:2]]
        assert answers[2].headers["quotes-analysis"] == "kept"
        assert listed[0].received > listed[1].received > listed[0].created
        for version, answer in zip(listed, answers[:2], strict=True):
            got = await client.get(version.url)
            assert (got.content, got.headers["etag"]) == (answer.content, answer.headers["etag"])
            assert version.models == answer.json()["models"]
        assert (await client.get(URL)).content == answers[0].content
        assert_problem(await client.get(URL + "/versions/0"), 404, "not-found")
    assert model.times(FIRST) == 1


async def test_other_models_make_another_version_of_the_same_content():
    before, after = Model("1"), Model("2")
    async with service(lambda: before) as client:
        await client.put(URL, json=FIRST)
    async with service(lambda: after) as client:
        assert (await client.put(URL, json=FIRST)).headers["quotes-analysis"] == "new"
        assert (await client.put(URL, json=FIRST)).headers["quotes-analysis"] == "kept"
        newer, older = (await client.get(URL + "/versions")).json()["versions"]
    assert newer["content"] == older["content"]
    assert newer["models"] != older["models"]
    assert after.times(FIRST) == 1


async def test_another_people_file_makes_another_version(monkeypatch, tmp_path):
    path = tmp_path / "people.csv"
    monkeypatch.setenv("QUOTES_PEOPLE", str(path))
    for name in ("Ann B. Lee", "Ann C. Lee"):
        path.write_text(f"name,aliases\n{name},Ann Lee\n")
        async with service(Model) as client:
            put = await client.put(URL, json=FIRST)
            assert put.json()["quotations"][0]["speaker"]["name"] == name
            assert (await client.get(URL)).content == put.content


async def test_stored_articles_survive_a_restart(model):
    async with service(lambda: model) as client:
        put = await client.put(URL, json=FIRST)
    async with service(lambda: model) as client:
        assert (await client.get(URL)).content == put.content


@pytest.mark.parametrize("form", Form)
async def test_accept_chooses_the_form_and_each_has_its_entity_tag(model, form):
    asked = {"Accept": str(form)}
    async with service(lambda: model) as client:
        posted = await client.post("/v1/analyses", json={**FIRST, "id": "2024-118"}, headers=asked)
        put = await client.put(URL, json=FIRST, headers=asked)
        got = await client.get(URL, headers=asked)
        assert posted.content == put.content == got.content
        assert posted.headers["content-type"] == put.headers["content-type"] == got.headers["content-type"]
        assert put.headers["etag"] == got.headers["etag"]
        assert got.headers["vary"] == "Accept"
        for other in Form:
            headers = {"Accept": str(other), "If-None-Match": got.headers["etag"]}
            assert (await client.get(URL, headers=headers)).status_code == (304 if other is form else 200)
        changed = await client.put(URL, json=SECOND, headers={"If-Match": got.headers["etag"]})
        assert changed.status_code == 200
        assert_problem(await client.get(URL, headers={"Accept": "image/png"}), 406, "not-acceptable")


async def test_if_none_match_spares_the_answer(model):
    async with service(lambda: model) as client:
        tag = (await client.put(URL, json=FIRST)).headers["etag"]
        for header in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            response = await client.get(URL, headers={"If-None-Match": header})
            assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
        for header in ('"x"', tag.strip('"'), ""):
            assert (await client.get(URL, headers={"If-None-Match": header})).status_code == 200
        await client.put(URL, json=SECOND)
        assert (await client.get(URL, headers={"If-None-Match": tag})).status_code == 200


async def test_if_match_guards_against_lost_updates(model):
    async with service(lambda: model) as client:
        for header in ("*", '"x"'):
            refused = await client.put(URL, json=FIRST, headers={"If-Match": header})
            assert_problem(refused, 412, "precondition-failed")
        tag = (await client.put(URL, json=FIRST, headers={"If-None-Match": "*"})).headers["etag"]
        assert_problem(await client.put(URL, json=SECOND, headers={"If-None-Match": "*"}), 412, "precondition-failed")
        changed = (await client.put(URL, json=SECOND, headers={"If-Match": tag})).headers["etag"]
        for header in (tag, f"W/{changed}", changed.strip('"')):
            assert_problem(await client.put(URL, json=THIRD, headers={"If-Match": header}), 412, "precondition-failed")
            assert_problem(await client.delete(URL, headers={"If-Match": header}), 412, "precondition-failed")
        assert (await client.delete(URL, headers={"If-Match": f'"x", {changed}'})).status_code == 204
    assert model.times(THIRD) == 0


async def test_deleting_forgets_all_versions(model):
    async with service(lambda: model) as client:
        for body in (FIRST, SECOND):
            await client.put(URL, json=body)
        version = (await client.get(URL + "/versions")).json()["versions"][1]["url"]
        response = await client.delete(URL)
        assert (response.status_code, response.content) == (204, b"")
        for response in (await client.get(URL), await client.get(version), await client.delete(URL)):
            assert_problem(response, 404, "not-found")
        assert (await client.put(URL, json=FIRST)).status_code == 201


# --- several at once ---


class Held(Model):
    """Holds an analysis until it is let go."""

    def __init__(self):
        super().__init__()
        self.hold, self.began, self.go = None, threading.Event(), threading.Event()

    def analyse(self, article):
        if self.hold and self.hold in article.text:
            self.began.set()
            assert self.go.wait(30)
        return super().analyse(article)


@pytest.fixture
def held():
    held = Held()
    yield held
    held.go.set()


def test_of_two_at_once_the_one_that_was_received_last_is_current(database):
    """Whichever is finished last: a long save must not undo the short one that followed it."""
    opened = Database(database)
    with opened.writing() as connection:
        for version, received in (("later", 2), ("earlier", 1), ("later", 2)):
            outcome = Outcome(version, {}, "{}")
            assert articles.store("id", schemas.ArticleRequest(text=version), received, outcome, connection)
            assert articles.current("id", connection) == "later"
    opened.close()


async def test_many_at_once(model, monkeypatch):
    monkeypatch.setenv("QUOTES_QUEUE", "24")
    async with service(lambda: model) as client, anyio.create_task_group() as tasks:
        answers = []

        async def put(body):
            answers.append(await client.put(URL, json=body))

        for number in range(24):
            tasks.start_soon(put, (FIRST, SECOND, THIRD)[number % 3])
    assert sorted(answer.status_code for answer in answers) == [200] * 23 + [201]
    async with service(lambda: model) as client:
        assert len((await client.get(URL + "/versions")).json()["versions"]) == 3


async def test_if_match_holds_when_the_article_changes_meanwhile(held):
    async with service(lambda: held) as client, anyio.create_task_group() as tasks:
        tag = (await client.put(URL, json=FIRST)).headers["etag"]
        await client.put("/v1/articles/other", json=SECOND)
        held.hold = "Third."

        async def put():
            assert_problem(await client.put(URL, json=THIRD, headers={"If-Match": tag}), 412, "precondition-failed")

        tasks.start_soon(put)
        await anyio.to_thread.run_sync(held.began.wait, 30)
        assert (await client.delete(URL)).status_code == 204
        held.go.set()
    async with service(lambda: held) as client:
        assert_problem(await client.get(URL), 404, "not-found")


# --- identifiers ---

IDS = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffd"), min_size=1, max_size=256)


@pytest.mark.parametrize(
    "id",
    ["1", "a/b", "a%2Fb", "a%252Fb", "%25", "https://news.example/2024/11/28?x=1#y", "versions", "a/versions"]
    + ["Ŵ 🗞", "a b", "'\"<>\\", "urn:newsml:news.example:20241128:1", "x" * 256, "…", " "],
)
async def test_any_sane_identifier(model, id):
    url = "/v1/articles/" + quote(id, safe="")
    async with service(lambda: model) as client:
        created = await client.put(url, json=FIRST)
        assert (created.status_code, created.headers["location"]) == (201, url)
        assert created.json()["article"]["id"] == id
        (version,) = (await client.get(url + "/versions")).json()["versions"]
        assert (await client.get(version["url"])).content == (await client.get(url)).content == created.content
        assert (await client.delete(url)).status_code == 204


@pytest.mark.parametrize("id", ["x" * 257, "%00", "a%0Ab", "%7F", "%C2%85", "%FF", "%EF%BF%BD", "%ED%A0%80"])
async def test_identifiers_that_cannot_be_used(model, id):
    async with service(lambda: model) as client:
        for url in (f"/v1/articles/{id}", f"/v1/articles/{id}/versions", f"/v1/articles/{id}/versions/1"):
            assert_problem(await client.get(url), 422, "bad-article-id")
        assert_problem(await client.put(f"/v1/articles/{id}", json=FIRST), 422, "bad-article-id")
        assert_problem(await client.delete(f"/v1/articles/{id}"), 422, "bad-article-id")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(IDS.filter(lambda id: id not in (".", "..")))
async def test_every_identifier_is_found_again(model, id):
    async with service(lambda: model) as client:
        url = "/v1/articles/" + quote(id, safe="")
        put = await client.put(url, json=FIRST)
        assert put.json()["article"]["id"] == id
        assert (await client.get(url)).content == put.content


# --- errors ---


@pytest.mark.parametrize("case", CASES)
async def test_bad_bodies_get_the_problems_that_an_analysis_gets(model, case):
    body, status, slug, pointers = CASES[case]
    async with service(lambda: model) as client:
        response = await client.put(URL, content=body, headers={"Content-Type": "application/json"})
        assert_problem(response, status, slug, pointers)
        assert_problem(await client.get(URL), 404, "not-found")


async def test_other_errors(model):
    async with service(lambda: model) as client:
        assert_problem(await client.put(URL, json={**FIRST, "id": "x"}), 422, "invalid-request", ["#/id"])
        assert_problem(await client.put(URL, content=b"{}"), 415, "unsupported-media-type")
        assert_problem(await client.post(URL, json=FIRST), 405, "method-not-allowed")
        assert_problem(await client.get("/v1/articles"), 404, "not-found")
        assert_problem(await client.get("/v1/articles/"), 404, "not-found")
