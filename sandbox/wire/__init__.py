"""From the controller to the agent in a sandbox and back."""
