"""One run in several processes: how they start, what they sum, and how they part a base among them."""
