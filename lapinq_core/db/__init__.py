"""How lapinq reaches PostgreSQL: connections, statements, migrations, and the embedded database."""
