"""What can be wrong with training data: one file per family of rules, and a registry that lists them all."""
