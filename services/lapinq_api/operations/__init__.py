"""What an operation declares: its route, parameters, filters, bodies, and who may call it."""
