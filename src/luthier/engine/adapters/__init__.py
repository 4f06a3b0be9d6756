"""What adapters add to a base, read from their files."""
