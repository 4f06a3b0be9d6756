"""Registered models answer requests: one protocol, several engines behind it."""
