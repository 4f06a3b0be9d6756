"""Raw rows become a Dataset: read, checked, split and fingerprinted, with every finding named by its line."""
