"""Plans in worlds of exact rules."""
