"""Short questions with checked answers, and what an answer is worth that knows its limits."""
