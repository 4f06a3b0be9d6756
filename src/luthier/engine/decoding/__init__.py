"""Logits become tokens and tokens become text, request by request."""
