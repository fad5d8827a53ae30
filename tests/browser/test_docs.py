"""The page at /docs works where no other machine can be reached."""

from tests.served import OBEDIENT, served


def test_the_documentation_asks_no_other_machine(page):
    with served(OBEDIENT) as service:
        page.goto(service.url + "/docs")
        operation = page.locator("#operations-analyses-analyseArticle")
        operation.click()
        assert "Find every direct quotation" in operation.inner_text()
