"""Public benchmarks as environments; their data is not shipped."""
