"""The server's processes: a supervisor that does nothing else, and what it starts, each of which may die alone."""
