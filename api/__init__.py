"""The HTTP service: a door to `quotes.analyse` that adds no knowledge of its own."""
