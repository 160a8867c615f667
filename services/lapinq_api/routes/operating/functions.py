"""What the task functions did in a window: how often they ran and failed, how long they took, who brings them."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from lapinq_api.credentials.caller import readable_queues
from lapinq_api.operations.endpoint import Answer, Needs, Operation, Parameter, query_of
from lapinq_api.operations.functions_read import read_functions
from lapinq_api.operations.paging import LIMIT, read_limit
from lapinq_api.state import State
from lapinq_api.wire.codec import Json
from lapinq_core.domain.errors import InvalidValue
from lapinq_core.domain.figures import Window
from lapinq_core.domain.requests.values import NAME_SCHEMA
from lapinq_core.domain.tasks.task import check_name
from lapinq_core.figures.functions import MAX_FUNCTIONS, ORDERS, FunctionTotals, ranked

DEFAULT_SORT = "-total"
SORTS = [*ORDERS, *(f"-{name}" for name in ORDERS)]


class Functions(msgspec.Struct, frozen=True):
    """The first functions in the order that was asked for, and how many more there are."""

    functions: list[FunctionTotals]
    more: int


async def list_functions(state: State, request: Request) -> Response:
    query, readable = query_of(request), readable_queues(request)
    window, sort = query.get("window", Window.HOUR), query.get("sort", DEFAULT_SORT)
    if window not in set(Window):
        raise InvalidValue("window", f"must be one of {', '.join(Window)}")
    if sort not in SORTS:
        raise InvalidValue(
            "sort", f"must be one of {', '.join(ORDERS)}, with a minus for the other direction"
        )
    search = query.get("search")
    if search is not None:
        check_name("search", search)  # a part of a name
    limit = read_limit(query)
    found = await state.database.scan(read_functions, state.long_windows, Window(window), readable)
    matching = ranked(found, search or "", sort.removeprefix("-"), is_descending=sort.startswith("-"))
    return Json(Functions(matching[:limit], max(len(matching) - limit, 0)))


OPERATIONS = (
    Operation(
        method="GET",
        path="/api/v1/functions",
        handler=list_functions,
        needs=Needs.READ_OF_QUEUE,
        tag="queues",
        summary="List the task functions by what they did",
        description=(
            "Functions that ran in the window, or that a living worker has found in its modules; at most the"
            f" {MAX_FUNCTIONS} with the most attempts. Figures are at most 18 seconds old,"
            " those of a week a minute more."
        ),
        parameters=(
            Parameter(
                name="window",
                description="The time range up to now.",
                schema={"type": "string", "enum": list(Window), "default": Window.HOUR},
            ),
            Parameter(
                name="sort",
                description="What comes first; with a minus the largest.",
                schema={"type": "string", "enum": SORTS, "default": DEFAULT_SORT},
            ),
            Parameter(
                name="search", description="Only names that contain this, ignoring case.", schema=NAME_SCHEMA
            ),
            LIMIT,
        ),
        answers={200: Answer(description="The functions.", body=Functions)},
    ),
)
