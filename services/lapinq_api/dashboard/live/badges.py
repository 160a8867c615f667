"""The numbers in the navigation of every page: open groups of errors, and tasks that wait for a signal."""

from lapinq_api.dashboard.page.audience import Audience
from lapinq_api.dashboard.page.rendering import badge_counts, fragment
from lapinq_api.state import State
from lapinq_core.durable import waits
from lapinq_core.error_groups import groups


async def refresh(state: State) -> None:
    """Counts again, by queue, if the last counts are some seconds old."""
    await state.open_errors.refresh(lambda: state.database.scan(groups.count_active))
    await state.open_waits.refresh(lambda: state.database.scan(waits.count_waits))


def badges(state: State, audience: Audience) -> dict[str, str]:
    """The HTML of each badge for `audience`, by the id of its element."""
    return {
        f"{name}-badge": fragment("badge.html", audience, badge=name, count=count)
        for name, count in badge_counts(state, audience).items()
    }
