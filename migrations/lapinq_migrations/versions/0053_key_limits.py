"""API keys have an owner, may expire, and may be limited to some queues.

Revision ID: 0053 Revises: 0052
"""

from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_api_keys"
        " ADD COLUMN owner_id bigint REFERENCES lapinq_users (id) ON DELETE CASCADE,"
        " ADD COLUMN queues text[],"
        " ADD COLUMN expires_at timestamptz,"
        " ADD CONSTRAINT lapinq_api_keys_queues_check CHECK (cardinality(queues) > 0)"
    )


def downgrade() -> None:
    # The release before knows neither limit: it would let these keys do more, and forever.
    op.execute("DELETE FROM lapinq_api_keys WHERE queues IS NOT NULL OR expires_at IS NOT NULL")
    op.execute("ALTER TABLE lapinq_api_keys DROP COLUMN owner_id, DROP COLUMN queues, DROP COLUMN expires_at")
