"""Conversations become token ids with a loss mask, then packed batches."""
