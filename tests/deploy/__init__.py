"""The images, built and run for real: `./scripts/image`."""
