"""When a cron expression fires in a time zone. `fields` parses it, `local_time` handles clock changes.

**Days.** As in Vixie cron: if both day fields are restricted, it fires on days that match either; if one of the two
starts with `*` (so `*/2` too), on days that match both.

**Daylight saving.** An expression whose hour is `*` or steps over it (`*/2`, `H/2`) follows elapsed time: it fires at
each instant whose wall clock matches, so twice in a repeated hour and not at all in a skipped one. Any other expression
has fixed times: a skipped time fires at the first instant after it, a repeated time only the first time.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import msgspec
from croniter import croniter

from lapinq_core.domain.cron.fields import Fields, read_fields
from lapinq_core.domain.cron.local_time import (
    SECOND,
    end_of_fold,
    first_change,
    first_instant,
    read_timezone,
    wall_clock,
)
from lapinq_core.domain.cron.wall_matches import matchers_of, next_match
from lapinq_core.domain.errors import InvalidValue

_NEAR = timedelta(days=2)  # more than the offsets of any zone differ by


class Cron(msgspec.Struct, frozen=True, eq=False):
    """An expression in a time zone, created by `read_cron`. `matchers` are croniter objects that are never advanced."""

    expression: str
    zone: ZoneInfo
    fields: Fields
    matchers: tuple[croniter, ...]

    def after(self, moment: datetime) -> datetime | None:
        """The first time strictly after `moment`, in UTC; None if there is none within 50 years.

        Raises ValueError if `moment` has no offset.
        """
        if moment.tzinfo is None:
            raise ValueError("the moment must have an offset")
        try:
            start = moment.astimezone(UTC).replace(microsecond=0)
            return self._by_real_time(start) if self.fields.has_star_hour else self._by_fixed_times(start)
        except OverflowError:
            return None  # at the end of the year 9999

    def _by_fixed_times(self, moment: datetime) -> datetime | None:
        repeated_until = end_of_fold(moment, self.zone)
        wall = repeated_until - SECOND if repeated_until else wall_clock(moment, self.zone)
        while (found := next_match(self.matchers, wall)) is not None:
            instant = first_instant(found, self.zone)
            if instant > moment:
                return instant
            wall = found
        return None

    def _by_real_time(self, moment: datetime) -> datetime | None:
        start, wall = moment, wall_clock(moment, self.zone)
        search = wall
        while (found := next_match(self.matchers, search)) is not None:
            instant = start + (found - wall)
            if instant - start > 2 * _NEAR and first_change(start, start + _NEAR, self.zone) is None:
                # Until close to it no clock shows a match, whatever the offsets in between: they differ by less.
                start = instant - _NEAR
                search = wall = wall_clock(start, self.zone)
                continue
            change = first_change(start, instant, self.zone)
            if change is None:
                return instant
            # From there on clocks show something else, and what they show at that very instant may match.
            start, wall = change, wall_clock(change, self.zone)
            search = wall - SECOND
        return None


def read_cron(expression: str, timezone: str, *, seed: str) -> Cron:
    """`expression` in `timezone`, an IANA name. `H` is hashed from `seed` and never changes.

    Raises `InvalidValue` for "cron" or "timezone".
    """
    zone = read_timezone(timezone)
    fields = read_fields(expression, seed)
    matchers = matchers_of(fields)
    if not matchers:
        raise InvalidValue("cron", "never fires: none of its months has such a day")
    return Cron(expression, zone, fields, matchers)
