"""Facts that have to be looked up."""
