"""Measurements of this library against a plain implementation of the same method, and against the machine's limits.

`pointlora benchmark --help` says how to run them; `docs/benchmarks.md` says what is measured and how to read it.
"""
