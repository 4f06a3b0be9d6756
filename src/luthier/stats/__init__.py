"""Counts of outcomes become intervals, p-values and sample sizes, by pure functions."""
