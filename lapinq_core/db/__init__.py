"""How lapinq reaches PostgreSQL: connections, statements, tables, migrations. No verb on a task lives here."""
