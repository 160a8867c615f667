"""The receiver of docs/guide/webhooks.md does what it says."""

import re
import time
from pathlib import Path
from typing import Any

from lapinq_core.domain.webhooks.signature import read_secret, signed_headers

GUIDE = (Path(__file__).parents[3] / "docs/guide/webhooks.md").read_text()
SECRETS = [f"whsec_{letter * 32}" for letter in "ABC"]


def is_genuine() -> Any:
    (source,) = [block for block in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL) if "def " in block]
    names: dict[str, Any] = {}
    exec(source, names)
    return names["is_genuine"]


def test_the_receiver_takes_what_is_signed_with_its_secret_and_nothing_else() -> None:
    now = int(time.time())
    headers = signed_headers("e", now, b"{}", [read_secret(secret) for secret in SECRETS[:2]])
    check = is_genuine()
    assert check(headers, b"{}", SECRETS[0])
    assert check(headers, b"{}", SECRETS[1])
    assert not check(headers, b"{}", SECRETS[2])
    assert not check(headers, b"{ }", SECRETS[0])
    old = signed_headers("e", now - 3600, b"{}", [read_secret(SECRETS[0])])
    assert not check(old, b"{}", SECRETS[0])
