"""The Alembic environment and the revisions of the schema; it ships with the package."""

from importlib.resources import files


def run_script(name: str) -> None:
    """Runs the SQL of a file in `versions/`, statement after statement, in the migration's transaction."""
    from alembic import op  # programs look here for the newest revision, and need no Alembic for that

    script = files("lapinq_migrations.versions").joinpath(name).read_text(encoding="utf-8")
    # The driver reads % as the start of a parameter.
    op.get_bind().exec_driver_sql(script.replace("%", "%%"))
