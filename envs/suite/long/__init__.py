"""Long work in a context that does not hold it."""
