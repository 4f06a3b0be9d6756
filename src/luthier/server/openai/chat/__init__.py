"""Chat completions: a request becomes answers, and these become one object or a stream of chunks."""
