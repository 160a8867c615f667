"""The browser that the browser tests drive: a Chromium of the system, for none is downloaded.

`LAPINQ_TEST_BROWSER` names its program. `python -m tests.support.pages.browser` prints which one is used, and fails
without one.
"""

import os
import shutil
import sys

PROGRAMS = (
    "chromium-headless-shell",  # opens a page in a third of the processor time, for it has no windows
    "/usr/bin/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome",
)
FLAGS = (
    "--no-sandbox",  # which root may not have; what is looked at is our own
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
HOW_TO_GET_ONE = (
    "run `apt-get install chromium-headless-shell` as root, or name a Chromium in LAPINQ_TEST_BROWSER"
)


def find() -> str | None:
    """The program's path, None where there is none."""
    named = os.environ.get("LAPINQ_TEST_BROWSER")
    return next(filter(None, map(shutil.which, (named,) if named else PROGRAMS)), None)


def is_demanded() -> bool:
    """Whether a run without browser fails, instead of leaving these tests out."""
    return bool(os.environ.get("CI"))


if __name__ == "__main__":
    found = find()
    print(found or f"there is no browser: {HOW_TO_GET_ONE}", file=sys.stdout if found else sys.stderr)
    sys.exit(0 if found else 1)
