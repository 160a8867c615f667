"""Sends notifications: by webhook, to Slack and its like, by mail; and checks the conditions that lead to some."""
