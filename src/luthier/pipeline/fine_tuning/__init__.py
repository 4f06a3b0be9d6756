"""A fine-tuning job that a worker has claimed becomes a published model, or an error that says what to change."""
