"""What a text says that no model should learn by heart: secrets, and what belongs to a person."""
