"""Fault 37: limits, rates, orders and shares while workers are killed and rules change, by the tasks' own log."""
