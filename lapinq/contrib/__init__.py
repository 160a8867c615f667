"""lapinq inside the web frameworks. Each module needs its framework, which lapinq doesn't install for you."""
