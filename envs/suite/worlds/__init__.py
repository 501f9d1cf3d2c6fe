"""Worlds to act in, where a wrong move costs."""
