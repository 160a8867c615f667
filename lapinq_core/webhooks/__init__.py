"""The webhooks that wait to be delivered, or were."""
