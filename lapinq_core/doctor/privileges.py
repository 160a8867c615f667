"""Whether the role may do what API, workers and schedulers do, including creating partitions."""

import psycopg

from lapinq_core.db.rows import one_row
from lapinq_core.db.statements import sql_of
from lapinq_core.doctor.finding import Finding, error, ok
from lapinq_core.doctor.wording import names
from lapinq_core.runtime.settings import Settings

sql = sql_of(__name__)


async def check_privileges(conn: psycopg.AsyncConnection, _settings: Settings) -> list[Finding]:
    role, owner, schema, may_create, unreadable, unowned = await one_row(conn, sql("privileges"))
    found: list[Finding] = []
    if unreadable:
        found.append(
            error(
                f"the role {role} may not use all of lapinq's tables, sequences and functions: {names(unreadable)}",
                f"Connect as {owner}, who owns the tables, or GRANT {owner} TO {role}.",
            )
        )
    if unowned:
        found.append(
            error(
                f"the role {role} does not own {names(unowned)}, so it cannot create and drop partitions",
                f"Connect as {owner}, or GRANT {owner} TO {role}.",
            )
        )
    if not may_create:
        found.append(
            error(
                f"the role {role} may not create tables in the schema {schema}, so it cannot create partitions",
                f"GRANT CREATE ON SCHEMA {schema} TO {role}.",
            )
        )
    return found or ok(f"the role {role} may do everything it needs")
