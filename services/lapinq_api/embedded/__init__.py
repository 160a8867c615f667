"""What runs beside an application's requests and needs the database, but not the API."""
