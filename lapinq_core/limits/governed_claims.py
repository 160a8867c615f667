"""How a claim of a queue with a policy differs from another: what goes before it, and its parts of claim.sql.

`lapinq_core.tasks.claiming` puts them together. All of it is one transaction, under the lock of the queue's row.
"""

from lapinq_core.db.statements import sql

_PACKAGE = "lapinq_core.limits"

REFRESH_LANES = sql(_PACKAGE, "refresh_lanes")
JUDGE_BREAKER = sql(_PACKAGE, "judge_breaker")
LOCK_LIMITS = sql(_PACKAGE, "lock_limits")

ADOPT_TRANSIENT = sql(_PACKAGE, "adopt_transient")

IS_GOVERNED = sql(_PACKAGE, "is_governed")
MAY_START = sql(_PACKAGE, "may_start")
PICK = sql(_PACKAGE, "pick_governed")
CHARGE = sql(_PACKAGE, "charge_governed")
FOLLOW_CLAIMS = sql(_PACKAGE, "follow_claims")
WHEN_MORE = sql(_PACKAGE, "when_more")
