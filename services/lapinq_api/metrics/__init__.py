"""The API's own counters, and gauges read from the database at a scrape."""
