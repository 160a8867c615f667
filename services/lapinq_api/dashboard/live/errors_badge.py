"""The number of open groups of errors, which stands beside Errors in the navigation of every page."""

from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import fragment, open_errors
from lapinq_api.state import State
from lapinq_core.error_groups import groups

PART = "errors-badge"
"""The id of its element."""


async def refresh(state: State) -> None:
    """Counts again, by queue, if the last count is some seconds old."""
    await state.open_errors.refresh(lambda: state.database.scan(groups.count_active))


def badge(state: State, audience: Audience) -> str:
    """The HTML of the badge for `audience`."""
    return fragment(f"parts/{PART}.html", audience, open_errors=open_errors(state, audience))
