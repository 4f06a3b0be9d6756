"""Measured numbers as pictures that stretch to any width without their letters shrinking."""
