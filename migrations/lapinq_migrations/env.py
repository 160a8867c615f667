"""Alembic's entry point: runs the revisions on the connection that `lapinq_core.db.migrate` hands over."""

from alembic import context

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run migrations with `lapinq migrate`, which takes the lock and sets the time limits")

context.configure(
    connection=connection,
    version_table="lapinq_schema_version",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
