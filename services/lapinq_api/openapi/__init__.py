"""The API's description, made from what operations declare."""
