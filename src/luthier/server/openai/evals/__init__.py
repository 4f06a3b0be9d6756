"""`/v1/evals`: evals, their runs, and what came of each item."""
