"""How a claim of a queue with a policy differs from another: what goes before it, and its parts of claim.sql.

`lapinq_core.tasks.claiming` puts them together. All of it is one transaction, under the lock of the queue's row.
"""

from lapinq_core.db.statements import sql_of

sql = sql_of(__name__)

LOCK_QUEUE = sql("lock_queue")
REFRESH_LANES = sql("refresh_lanes")
JUDGE_BREAKER = sql("judge_breaker")
LOCK_LIMITS = sql("lock_limits")

ADOPT_TRANSIENT = sql("adopt_transient")

IS_GOVERNED = sql("is_governed")
MAY_START = sql("may_start")
PICK = sql("pick_governed")
CHARGE = sql("charge_governed")
FOLLOW_CLAIMS = sql("follow_claims")
WHEN_MORE = sql("when_more")
