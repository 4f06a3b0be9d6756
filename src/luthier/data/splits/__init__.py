"""A dataset becomes train, validation and test rows, so that nothing leaks from one side to another."""
