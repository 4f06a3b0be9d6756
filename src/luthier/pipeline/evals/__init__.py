"""A run of an eval: from its data to a verdict on each item."""
