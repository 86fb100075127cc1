"""Benchmarks of saccade on this machine, compared with what it replaces, and their history."""
