"""What somebody chose about an evaluation becomes a task, findings about two models, and the files that show them."""
