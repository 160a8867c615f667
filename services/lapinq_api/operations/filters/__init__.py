"""The filters of lists and bulk operations."""
