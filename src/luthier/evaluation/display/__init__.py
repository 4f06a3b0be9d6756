"""Texts of models, made inert and laid out so that a reader sees what differs."""
