"""A base model plus an adapter is a registered model: finding bases, loading them, keeping what was tuned."""
