"""What the API counts, and what a scrape reads from the database."""
