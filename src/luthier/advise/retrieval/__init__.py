"""A folder of documents becomes passages, and a question the passages that fit it best."""
