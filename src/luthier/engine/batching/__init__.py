"""Prepared requests share the steps of one copy of weights: who comes in, who waits, who makes room."""
