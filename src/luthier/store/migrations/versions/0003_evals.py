"""The tables of evals, their runs and what came of each item."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = ("evals", "eval_runs", "eval_output_items")
"""Those that others refer to come first."""


def upgrade() -> None:
    _create_evals()
    _create_runs()
    _create_output_items()


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)


def _create_evals() -> None:
    op.create_table(
        "evals",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("data_source_config", sa.JSON(), nullable=False),
        sa.Column("testing_criteria", sa.JSON(), nullable=False),
        sa.Column("metadata", sa.JSON()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_evals"),
    )
    op.create_index("ix_evals_updated_at", "evals", ["updated_at"])


def _create_runs() -> None:
    op.create_table(
        "eval_runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("eval_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("model", sa.String()),
        sa.Column("file_id", sa.String()),
        sa.Column("metadata", sa.JSON()),
        sa.Column("created_by", sa.String()),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("error", sa.JSON()),
        sa.Column("request_fingerprint", sa.String(), nullable=False),
        sa.Column("is_prepared", sa.Boolean(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("tally", sa.JSON(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("barren_attempts", sa.Integer(), nullable=False),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("holder", sa.JSON()),
        sa.Column("data_source", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["eval_id"], ["evals.id"], name="fk_eval_runs_eval_id"),
        sa.PrimaryKeyConstraint("id", name="pk_eval_runs"),
    )
    for column in ("eval_id", "file_id", "request_fingerprint", "status"):
        op.create_index(f"ix_eval_runs_{column}", "eval_runs", [column])


def _create_output_items() -> None:
    op.create_table(
        "eval_output_items",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("status", sa.String()),
        sa.Column("done_at", sa.DateTime(timezone=True)),
        sa.Column("item", sa.JSON(), nullable=False),
        sa.Column("given", sa.JSON()),
        sa.Column("sample", sa.JSON()),
        sa.Column("results", sa.JSON()),
        sa.ForeignKeyConstraint(["run_id"], ["eval_runs.id"], name="fk_eval_output_items_run_id"),
        sa.PrimaryKeyConstraint("id", name="pk_eval_output_items"),
        sa.UniqueConstraint("run_id", "number", name="uq_eval_output_items_run_id"),
    )
    op.create_index("ix_eval_output_items_run_id", "eval_output_items", ["run_id"])
