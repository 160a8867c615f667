"""Values as a function's annotations want them: which annotations act, and how JSON becomes what they name."""
