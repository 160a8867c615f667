"""Errors that a browser does not show on the page: in the console, of scripts, and of the content security policy."""

import contextlib
import re

from playwright.sync_api import BrowserContext, ConsoleMessage, Error, WebError

_REPORT_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) => {
  console.error(`policy violated: ${event.violatedDirective} by ${event.blockedURI} ${event.sample}`);
});
"""

_LEFT = "WebSocket is closed before the connection is established"
"""What Chromium remarks where a page is left while its connection opens, as any reader may."""


class BrowserErrors:
    """Collects them from all pages of the contexts that it watches."""

    def __init__(self) -> None:
        self._contexts: list[BrowserContext] = []
        self._found: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def begin(self) -> None:
        """Forgets what was found and expected: another test begins."""
        self._found.clear()
        self._expected.clear()

    def watch(self, context: BrowserContext) -> None:
        """Starts to collect errors of this context."""
        self._contexts.append(context)
        context.on("close", lambda _: self._contexts.remove(context))
        context.add_init_script(_REPORT_VIOLATIONS)
        context.on("console", self._console)
        context.on("weberror", self._error)

    def expect(self, pattern: str) -> None:
        """Errors that match `pattern` anywhere belong to the test: "status of 401" for a wrong password."""
        self._expected.append(re.compile(pattern))

    def gather(self) -> None:
        """Waits for pending errors of the open pages, which would be lost when these close."""
        for page in [page for context in self._contexts for page in context.pages]:
            with contextlib.suppress(Error):  # it navigated in between
                page.locator("html").wait_for(state="attached")  # in time: a script may be stuck
                page.evaluate("new Promise((done) => setTimeout(done))")

    def unexpected(self) -> list[str]:
        """The errors that no test expects."""
        return [one for one in self._found if not any(known.search(one) for known in self._expected)]

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and _LEFT not in message.text:
            self._found.append(f"{message.type}: {message.text} ({message.location['url']})")

    def _error(self, error: WebError) -> None:
        self._found.append(f"uncaught: {error.error}")
