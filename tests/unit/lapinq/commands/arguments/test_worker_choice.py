"""Which workers a name, a pattern or the beginning of an id means."""

from typing import Any

import pytest

from lapinq.commands.arguments.worker_choice import matching
from lapinq.commands.console.failure import Failed


def worker(worker_id: str, name: str, state: str = "alive") -> dict[str, Any]:
    return {"id": worker_id, "name": name, "state": state, "hostname": "box", "pid": 7}


WORKERS = [
    worker("38bc", "mail-1"),
    worker("38cc", "mail-2", "quiet"),
    worker("ab00", "twin"),
    worker("ab01", "twin"),
    worker("f0", "38b"),
    worker("d0", "gone", "dead"),
    worker("d1", "mail-1", "dead"),
]


def test_a_worker_is_found_by_name_beginning_of_id_and_pattern() -> None:
    for text, all_named, found in (
        ("mail-1", False, ["38bc"]),
        ("38c", False, ["38cc"]),
        ("38C", False, ["38cc"]),
        ("38b", False, ["f0"]),  # a name comes before the beginning of an id
        ("mail-*", False, ["38bc", "38cc"]),
        ("[m]ail-?", False, ["38bc", "38cc"]),
        ("twin", True, ["ab00", "ab01"]),
        ("gone", False, ["d0"]),
        ("d1", False, ["d1"]),
    ):
        assert [one["id"] for one in matching(WORKERS, text, all_named=all_named)] == found, text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("twin", "2 workers have the name twin; give an id, or --all-named for all of them:\n  ab00  twin"),
        ("38", "2 workers have an id that begins with 38; give more of it:\n  38bc  mail-1 on box, pid 7"),
        ("x\x1b", r"no worker x\x1b: `lapinq worker list`"),
        ("gone*", "no worker"),
        ("", "no worker"),
    ],
)
def test_what_means_no_worker_or_several_is_an_error(text: str, message: str) -> None:
    with pytest.raises(Failed) as refused:
        matching(WORKERS, text)
    assert refused.value.message.startswith(message)
