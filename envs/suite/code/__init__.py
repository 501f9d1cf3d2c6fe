"""Code to be written and repaired."""
