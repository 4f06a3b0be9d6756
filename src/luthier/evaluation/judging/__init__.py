"""A model that judges others is itself held against people before its word may count."""
