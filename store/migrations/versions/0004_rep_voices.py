"""Voices on file: what a rep who agreed to it is known by, sealed

Revision 0004, follows 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def identifier() -> sa.String:
    return sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "rep_voices",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("rep_id", identifier(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("consent_reference", identifier(), nullable=False),
        sa.Column("enrolled_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_rep_voices_tenant_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "rep_id"], ["reps.tenant_id", "reps.rep_id"], name="fk_rep_voices_tenant_id_rep_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "rep_id", name="pk_rep_voices"),
    )


def downgrade() -> None:
    op.drop_table("rep_voices")
