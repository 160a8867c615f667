"""How operations are declared: route, parameters, filters, bodies, and who may call them."""
