"""Messages as tokens and back."""
