"""The sandbox contract as a runnable checker."""
