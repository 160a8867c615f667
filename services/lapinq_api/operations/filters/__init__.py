"""The filters that lists and bulk operations take."""
