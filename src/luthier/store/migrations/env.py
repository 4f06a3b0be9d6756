"""Alembic runs this on the connection of `luthier.store.database`, which is inside a transaction already."""

from __future__ import annotations

from alembic import context

from luthier.store.tables import Table

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
)
with context.begin_transaction():
    context.run_migrations()
