"""Warm sandboxes on loan."""
