"""The arithmetic that a training step spends its time on, in fewer passes than the libraries take; same algebra."""
