"""What a sandbox may reach, carried out by the controller."""
