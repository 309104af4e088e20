"""Run by Alembic inside the transaction that `store.database` has begun. Opens no connection of its own."""

from alembic import context

from whale.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,
)
context.run_migrations()
