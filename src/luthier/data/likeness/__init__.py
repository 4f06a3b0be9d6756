"""Texts that say the same: by their words, in sketches of 128 bytes, and by their meaning, in vectors."""
