"""Search and the web, as tools."""
