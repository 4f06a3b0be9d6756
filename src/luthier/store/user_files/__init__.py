"""Files that people upload and that jobs make for them: received as a stream, kept under an id, gone when they say."""
