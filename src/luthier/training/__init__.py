"""Batches become an adapter: configuration, plan, loop, checkpoints and the run that ties them together."""
