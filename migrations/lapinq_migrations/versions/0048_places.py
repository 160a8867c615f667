"""The places of workers in the fleet, counted by the process on duty.

Revision ID: 0048 Revises: 0047
"""

from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE TABLE lapinq_places (
            seq        bigint GENERATED ALWAYS AS IDENTITY,
            places     jsonb       NOT NULL,
            counted_at timestamptz NOT NULL,
            CONSTRAINT lapinq_places_pkey PRIMARY KEY (seq)
        )
    """)


def downgrade() -> None:
    op.execute("DROP TABLE lapinq_places")
