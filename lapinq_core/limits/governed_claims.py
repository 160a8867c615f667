"""The statements of claims from queues with a policy, for `lapinq_core.tasks.claiming`."""

from lapinq_core.db.statements import sql_of
from lapinq_core.limits.breakers import JUDGE, LOCKS

sql = sql_of(__name__)

MAY_START = sql("may_start")
CLAIM = sql("claim_governed")

JUDGE_AND_CLAIM = ("SET LOCAL lock_timeout = '250ms'", LOCKS["queue"], JUDGE, CLAIM)
"""Of a queue with a circuit breaker, in one transaction."""

ADOPT_TRANSIENT = sql("adopt_transient")
