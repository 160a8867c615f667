"""Tags for the templates here."""
