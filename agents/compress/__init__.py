"""Room in a context: schemes and the rules they keep."""
