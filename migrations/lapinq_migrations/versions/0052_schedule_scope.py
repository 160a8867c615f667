"""API keys have a scope for schedules.

Revision ID: 0052 Revises: 0051
"""

from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE lapinq_api_keys DROP CONSTRAINT lapinq_api_keys_scopes_check,"
        " ADD CONSTRAINT lapinq_api_keys_scopes_check"
        " CHECK (scopes <@ ARRAY['enqueue', 'read', 'manage', 'schedule'])"
    )


def downgrade() -> None:
    op.execute("UPDATE lapinq_api_keys SET scopes = array_remove(scopes, 'schedule')")
    op.execute(
        "ALTER TABLE lapinq_api_keys DROP CONSTRAINT lapinq_api_keys_scopes_check,"
        " ADD CONSTRAINT lapinq_api_keys_scopes_check CHECK (scopes <@ ARRAY['enqueue', 'read', 'manage'])"
    )
