"""What all of lapinq shares: the words of the domain, the schema, the SQL verbs on tasks and the import of task functions."""
