"""What a terminal sends for the keys that are pressed."""

import re

_NAMES = {
    "\t": "tab",
    "\x1b[Z": "back tab",
    "\x1b[A": "up",
    "\x1bOA": "up",
    "\x1b[B": "down",
    "\x1bOB": "down",
    "\x1b[5~": "page up",
    "\x1b[6~": "page down",
    "\x1b[H": "home",
    "\x1bOH": "home",
    "\x1b[1~": "home",
    "\x1b[F": "end",
    "\x1bOF": "end",
    "\x1b[4~": "end",
    "\x1b": "escape",
}
_KEY = re.compile(r"\x1b\[[0-9;]*[ -/]*[@-~]|\x1bO.|[\s\S]")


def keys_in(sent: bytes) -> list[str]:
    """The keys in what came at once: a letter for itself, others by name. Those without a name are their codes."""
    codes = [found[0] for found in _KEY.finditer(sent.decode(errors="replace"))]
    return [_NAMES.get(code, code) for code in codes]
