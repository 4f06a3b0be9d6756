"""What Luthier keeps: a database, file contents by their hash, and folders that are never half-written."""
