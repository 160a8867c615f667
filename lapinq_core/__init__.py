"""What all of lapinq shares: the words of the domain, the schema, the verbs on tasks, the import of functions."""
