"""Who asks: finding out, asking whether they may, and noting what they did."""
