"""All task functions: which is slowest, fails most and takes the most time."""

from typing import Any

from lapinq_api.dashboard.page.page_links import CURSOR, page_links
from lapinq_api.dashboard.page.sorting import PARAMETER, sorting
from lapinq_api.dashboard.page.view import PageAddress, View
from lapinq_api.dashboard.views.operating.overview import window_of
from lapinq_api.operations.functions_read import read_functions
from lapinq_api.operations.paging import DEFAULT_LIMIT
from lapinq_api.state import State
from lapinq_api.wire.query import whole_number
from lapinq_core.domain.figures import Window
from lapinq_core.domain.queue_filter import Readable
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.figures.functions import MAX_FUNCTIONS, ORDERS, ranked


async def load(state: State, address: PageAddress, readable: Readable) -> dict[str, Any]:
    query = address.query
    window, part = window_of(address), query.get("q", "")
    if part:
        check_name("q", part)  # a part of a name
    order = sorting(
        {name: text for name, text in query.items() if name != CURSOR},
        {name: name != "name" for name in ORDERS},
        "-total",
    )
    start = whole_number(CURSOR, query.get(CURSOR), 0, lowest=0, highest=MAX_FUNCTIONS)
    found = await state.database.scan(read_functions, state.long_windows, window, readable)
    matching = ranked(found, part, order.by, is_descending=order.is_descending)
    end = start + DEFAULT_LIMIT
    return {
        "functions": matching[start:end],
        "start": start,
        "count": len(matching),
        "most": MAX_FUNCTIONS,
        "q": part,
        "sort": query.get(PARAMETER),
        "order": order,
        "window": window,
        "windows": list(Window),
        "links": page_links(query, str(end) if end < len(matching) else None),
    }


VIEW = View(
    path="/functions",
    template="functions.html",
    here="functions",
    load=load,
    is_narrowed=True,
    parts=("functions-list",),
    is_list=True,
    parameters=frozenset({"window", PARAMETER, "q", CURSOR}),
)
