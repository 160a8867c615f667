"""What requests pass through: `build_app` puts it together, from the outside in."""
