"""The objects that requests and responses carry."""
