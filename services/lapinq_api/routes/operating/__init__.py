"""For those who operate it: health, metrics, workers, webhooks, the description."""
