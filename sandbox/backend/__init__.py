"""The kinds of sandboxes, and how each is started and ended."""
