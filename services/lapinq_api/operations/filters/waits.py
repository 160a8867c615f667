"""The place in the list of waits at which a page begins."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping

import msgspec

from lapinq_api.operations.paging import read_text, wrong_cursor
from lapinq_core.domain.ids import is_id
from lapinq_core.durable.waits import After


def read_place(query: Mapping[str, str]) -> After | None:
    """The wait after which the page begins; None for the first page. Raises `InvalidValue`."""
    text = read_text(query)
    if text is None:
        return None
    try:
        place = msgspec.json.decode(text, type=After)
    except msgspec.DecodeError as error:
        raise wrong_cursor() from error
    if not is_id(place.task_id):
        raise wrong_cursor()
    return place


def cursor_after_place(place: After) -> str:
    """The cursor after a wait."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode()
