"""A small shop: an order and its confirmation are stored together or not at all."""
