"""What an agent leaves behind, judged where the agent has never been."""
