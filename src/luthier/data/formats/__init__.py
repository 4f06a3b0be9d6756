"""The formats that training data comes in: one file each, and a registry that tells them apart row by row."""
