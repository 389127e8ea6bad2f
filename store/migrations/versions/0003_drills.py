"""Drills: role plays between two turns, and their debriefs

Revision 0003, follows 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def identifier() -> sa.String:
    return sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "drills",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("drill_id", identifier(), nullable=False),
        sa.Column("rep_id", identifier(), nullable=True),
        sa.Column("conversation_id", identifier(), nullable=True),
        sa.Column("case_id", identifier(), nullable=True),
        sa.Column("is_over", sa.Boolean(), nullable=False),
        sa.Column("document", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("debrief", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_drills_tenant_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "conversation_id"], ["conversations.tenant_id", "conversations.conversation_id"],
            name="fk_drills_tenant_id_conversation_id", ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "drill_id", name="pk_drills"),
    )
    op.create_index("ix_drills_tenant_id_rep_id_drill_id", "drills", ["tenant_id", "rep_id", "drill_id"])
    op.create_index("ix_drills_tenant_id_conversation_id", "drills", ["tenant_id", "conversation_id"])


def downgrade() -> None:
    op.drop_table("drills")
