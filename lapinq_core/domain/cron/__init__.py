"""Cron expressions: parsing, describing and matching them."""
