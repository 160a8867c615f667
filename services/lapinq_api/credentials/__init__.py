"""Who a caller is and what is known of them: keys, password hashes, and what of a payload they may see."""
