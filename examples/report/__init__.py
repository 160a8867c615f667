"""A report on 336,776 flights: one task splits the data, one per month adds up, one writes the page."""
