"""What form an answer must have: a schema, pattern or choice goes in, the tokens that may come next come out."""
