"""Rendered street scenes with exact truth: the demo, the tests, the benchmarks."""
