"""A person at a page: counts clicks and keys, and says how long a practised one takes.

Seconds are those of the keystroke-level model (Card, Moran and Newell, "The keystroke-level model for user performance
time with interactive systems", 1980), plus the time that the page itself lets the person wait, which is measured.
"""

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page

THINK = 1.35  # M: before each command, and to take in what a page says
POINT = 1.1  # P: with the mouse
PRESS = 0.2  # B, twice: the mouse's button down and up
KEY = 0.2  # K: an average skilled typist
REACH = 0.4  # H: from the mouse to the keyboard or back
SCROLL = POINT  # not in the model: turning the wheel until something appears
TIMEOUT_MS = 30_000


class Person:
    """Begins with a hand on the mouse."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.clicks = self.keys = 0
        self.acted = 0.0  # seconds of the model
        self.waited = 0.0  # seconds measured
        self._types = False

    def click(self, what: str | Locator) -> None:
        """Decides, points at it and clicks."""
        target = self.sees(what)
        self._reach(types=False)
        self.clicks += 1
        self.acted += THINK + POINT + PRESS
        self._wait(target.click)

    def press(self, *keys: str) -> None:
        """Decides on a command of one key or more, such as `Control+k`."""
        self.acted += THINK
        for key in keys:
            self._strike(key.count("+") + 1, lambda key=key: self.page.keyboard.press(key))

    def enter(self) -> None:
        """Ends what was typed, without a thought."""
        self._strike(1, lambda: self.page.keyboard.press("Enter"))

    def type(self, text: str) -> None:
        """Types into what has the focus. The model counts no thought for what a command is about."""
        self._strike(len(text), lambda: self.page.keyboard.type(text))

    def paste(self, text: str) -> None:
        self._strike(2, lambda: self.page.keyboard.insert_text(text))

    def read(self, what: str) -> None:
        """Waits for it, scrolls there and takes it in."""
        self.sees(what)
        self.acted += THINK

    def sees(self, what: str | Locator) -> Locator:
        """Waits for it, and scrolls to what is outside the window."""
        target = self.page.locator(what).first if isinstance(what, str) else what
        self._wait(lambda: target.wait_for(timeout=TIMEOUT_MS))
        box, window = target.bounding_box(), self.page.viewport_size
        assert window is not None
        if box is not None and not 0 <= box["y"] < window["height"] - box["height"] / 2:
            self._reach(types=False)
            self.acted += SCROLL
            target.scroll_into_view_if_needed()
        return target

    def _strike(self, keys: int, act: Callable[[], None]) -> None:
        self._reach(types=True)
        self.keys += keys
        self.acted += KEY * keys
        self._wait(act)

    def _reach(self, *, types: bool) -> None:
        if types != self._types:
            self.acted += REACH
        self._types = types

    def _wait(self, act: Callable[[], None]) -> None:
        began = time.perf_counter()
        act()
        self.waited += time.perf_counter() - began
