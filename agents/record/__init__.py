"""What happened in an episode, and what can be read off it."""
