"""A JSON schema that somebody wrote and an answer go in, the places where the answer breaks it come out."""
