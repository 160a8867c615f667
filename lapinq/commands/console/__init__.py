"""What the commands share: the connection to the database, and text for the terminal."""
