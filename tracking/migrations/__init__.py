"""The steps of the database's schema, in order; alembic runs them."""
