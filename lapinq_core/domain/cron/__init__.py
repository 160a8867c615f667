"""Cron expressions: their fields, the words and languages they are read in, and the instants they match."""
