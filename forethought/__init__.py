"""Environments, an agent loop and a trainer that teach language models to plan."""

__version__ = "0.1.0"
