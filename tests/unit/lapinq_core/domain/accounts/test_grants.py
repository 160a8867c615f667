"""Permissions as they are written down."""

import pytest

from lapinq_core.domain.accounts.account import Permission
from lapinq_core.domain.accounts.grants import check_grants, read_grants, write_grants
from lapinq_core.domain.errors import InvalidValue


def test_they_come_back_as_they_were_written() -> None:
    written = {"mail": ["pause"], "video": ["cancel", "delete"]}
    grants = check_grants("queues", {"video": ["delete", "cancel", "delete"], "mail": ["pause"], "none": []})
    assert grants == {
        "mail": frozenset({Permission.PAUSE}),
        "video": frozenset({Permission.CANCEL, Permission.DELETE}),
    }
    assert write_grants(grants) == written
    assert read_grants(written) == grants


def test_a_word_of_a_later_release_grants_nothing() -> None:
    assert read_grants({"video": ["fly", "cancel"]}) == {"video": frozenset({Permission.CANCEL})}


@pytest.mark.parametrize(
    ("queues", "told"),
    [
        ({"video": ["fly"]}, "fly"),
        ({"video": ["Cancel"]}, "Cancel"),
        ({"video": [""]}, "''"),
        ({"": ["cancel"]}, "1 to 255"),
        ({"\ud800": ["cancel"]}, "printable"),
        ({"x" * 256: ["cancel"]}, "1 to 255"),
        ({str(n): ["cancel"] for n in range(1001)}, "1000 queues"),
    ],
)
def test_what_is_unknown_or_too_much_is_refused_by_name(queues: dict[str, list[str]], told: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_grants("queues", queues)
    assert "queues" in refused.value.loc
    assert told in refused.value.msg
    str(refused.value).encode()
