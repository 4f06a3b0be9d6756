"""A training file → a smaller one: each row is scored by named signals, and each row left out has a reason."""
