"""Chats: bindings, codes, answers on their way out, and jobs that are done one after another

Revision 0002, follows 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def identifier() -> sa.String:
    return sa.String(512).with_variant(sa.String(512, collation="C"), "postgresql")


def instant() -> sa.DateTime:
    return sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "chat_bindings",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("platform", identifier(), nullable=False),
        sa.Column("user_id", identifier(), nullable=False),
        sa.Column("rep_id", identifier(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=False),
        sa.Column("quiet_to", sa.Integer(), nullable=False),
        sa.Column("created_at", instant(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_chat_bindings_tenant_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "rep_id"], ["reps.tenant_id", "reps.rep_id"], name="fk_chat_bindings_tenant_id_rep_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "platform", "user_id", name="pk_chat_bindings"),
    )
    op.create_table(
        "chat_codes",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("digest", identifier(), nullable=False),
        sa.Column("rep_id", identifier(), nullable=False),
        sa.Column("expires_at", instant(), nullable=False),
        sa.Column("used_at", instant(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_chat_codes_tenant_id"),
        sa.ForeignKeyConstraint(
            ["tenant_id", "rep_id"], ["reps.tenant_id", "reps.rep_id"], name="fk_chat_codes_tenant_id_rep_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "digest", name="pk_chat_codes"),
    )
    op.create_table(
        "chat_threads",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("thread_key", identifier(), nullable=False),
        sa.Column("account_id", identifier(), nullable=True),
        sa.Column("drill_id", identifier(), nullable=True),
        sa.Column("updated_at", instant(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_chat_threads_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "thread_key", name="pk_chat_threads"),
    )
    op.create_table(
        "chat_answers",
        sa.Column("tenant_id", identifier(), nullable=False),
        sa.Column("answer_id", identifier(), nullable=False),
        sa.Column("channel", identifier(), nullable=False),
        sa.Column("account_id", identifier(), nullable=False),
        sa.Column("thread_key", identifier(), nullable=False),
        sa.Column("user_id", identifier(), nullable=False),
        sa.Column("conversation_id", identifier(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("reply_to", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("state", identifier(), nullable=False),
        sa.Column("card", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("replaces", sa.Boolean(), nullable=False),
        sa.Column("notes", sa.JSON(none_as_null=True), nullable=False),
        sa.Column("decision_id", identifier(), nullable=True),
        sa.Column("asked_at", instant(), nullable=False),
        sa.Column("order_key", identifier(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("shown", sa.Integer(), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", instant(), nullable=False),
        sa.Column("held_until", instant(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.tenant_id"], name="fk_chat_answers_tenant_id"),
        sa.PrimaryKeyConstraint("tenant_id", "answer_id", name="pk_chat_answers"),
    )
    op.create_index("ix_chat_answers_channel_account_id_is_open_due_at", "chat_answers",
                    ["channel", "account_id", "is_open", "due_at"])
    op.create_index("ix_chat_answers_tenant_id_thread_key_is_open_order_key", "chat_answers",
                    ["tenant_id", "thread_key", "is_open", "order_key"])
    op.create_index("ix_chat_answers_tenant_id_decision_id", "chat_answers", ["tenant_id", "decision_id"])
    op.create_table(
        "locks",
        sa.Column("name", identifier(), nullable=False),
        sa.Column("owner", identifier(), nullable=False),
        sa.Column("held_until", instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_locks"),
    )
    op.add_column("jobs", sa.Column("serial_key", identifier(), nullable=True))
    op.create_index("ix_jobs_tenant_id_serial_key_status", "jobs", ["tenant_id", "serial_key", "status"])


def downgrade() -> None:
    op.drop_index("ix_jobs_tenant_id_serial_key_status", table_name="jobs")
    with op.batch_alter_table("jobs") as jobs:
        jobs.drop_column("serial_key")
    op.drop_table("locks")
    op.drop_table("chat_answers")
    op.drop_table("chat_threads")
    op.drop_table("chat_codes")
    op.drop_table("chat_bindings")
