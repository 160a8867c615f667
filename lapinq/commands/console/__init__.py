"""What all commands share: the database connection, ids, errors, and text for the terminal."""
