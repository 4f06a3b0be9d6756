"""Runs of evals as work that is waited for, held, and never lost."""
