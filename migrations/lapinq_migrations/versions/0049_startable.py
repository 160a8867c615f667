"""How many tasks of a queue may start, for scaling and alerts.

Revision ID: 0049 Revises: 0048
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("limits/startable.sql")
    # With the rights of the owner: a role that may count a queue must not fail when the queue gets its first policy.
    # The schema is fixed, or the caller's search path would choose what the owner's rights are used on.
    op.execute("""
        DO $$
        DECLARE
            home regnamespace := (SELECT relnamespace FROM pg_class WHERE oid = 'lapinq_queues'::regclass);
        BEGIN
            EXECUTE format('ALTER FUNCTION lapinq_startable(text) SECURITY DEFINER'
                           ' SET search_path = pg_catalog, %s, pg_temp', home);
        END
        $$
    """)


def downgrade() -> None:
    op.execute("DROP FUNCTION lapinq_startable(text)")
