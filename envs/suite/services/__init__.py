"""Services with policies and a database, whose state at the end is judged."""
