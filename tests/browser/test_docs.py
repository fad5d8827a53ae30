"""The page at /docs works where no other machine can be reached."""

from playwright.sync_api import expect

from tests.served import OBEDIENT, served


def test_the_documentation_asks_no_other_machine(page):
    with served(OBEDIENT) as service:
        page.goto(service.url + "/docs")
        operation = page.locator("#operations-analyses-analyseArticle")
        operation.get_by_role("button").first.click()
        # The page draws what is inside only after it has been opened.
        expect(operation).to_contain_text("Find every direct quotation", timeout=30_000)
