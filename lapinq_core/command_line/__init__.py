"""How commands look: their help page, its sections, and groups whose commands are imported when they are used."""
