"""The order of a table by the address."""

import pytest

from lapinq_api.dashboard.page.sorting import sorting
from lapinq_core.domain.errors import InvalidValue

COLUMNS = {"name": False, "ready": True}


def test_a_click_on_another_column_sorts_by_it_and_a_second_one_turns_it_around() -> None:
    first = sorting({"window": "1h"}, COLUMNS, "name")
    assert (first.by, first.is_descending) == ("name", False)
    assert first.links == {"name": "?window=1h&sort=-name", "ready": "?window=1h&sort=-ready"}
    second = sorting({"window": "1h", "sort": "-ready"}, COLUMNS, "name")
    assert (second.by, second.is_descending) == ("ready", True)
    assert second.links == {"name": "?window=1h", "ready": "?window=1h&sort=ready"}
    assert (second.of("ready"), second.of("name")) == ("descending", None)


@pytest.mark.parametrize("text", ["size", "--ready", "-", "READY"])
def test_another_order_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(InvalidValue, match="must be one of name, ready"):
        sorting({"sort": text}, COLUMNS, "name")
