"""A fine-tuning job that was accepted is kept, done by whichever worker lives, and told about when it ends."""
