"""What runs inside a sandbox: our agent, on the standard library alone."""
