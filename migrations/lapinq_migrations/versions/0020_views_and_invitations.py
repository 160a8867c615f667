"""Users save views of lists, and admins invite users by one-time links.

Revision ID: 0020 Revises: 0019
"""

from alembic import op

from lapinq_migrations import run_script

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_script("dashboard/views_and_invitations.sql")


def downgrade() -> None:
    op.execute("DROP TABLE lapinq_invitations, lapinq_views")
