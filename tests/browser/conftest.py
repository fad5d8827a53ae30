import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

# What systems call it.
_NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    """A page of the system's own Chromium that can reach nothing but this machine.

    Not for the whole session: while Playwright runs, no other test can have an event loop.
    """
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        pytest.skip("there is no Chromium on this system (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        # As root, which CI is, Chromium has no sandbox.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 900, "height": 700})
        context.route("**", lambda route: route.continue_() if "//127.0.0.1:" in route.request.url else route.abort())
        yield context.new_page()
        browser.close()
