"""What tests share. Nothing here stands in for a part of lapinq."""
