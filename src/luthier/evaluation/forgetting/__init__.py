"""What a model could do before it was tuned is asked again afterwards, and what it has lost is told."""
