"""OpenAI's grader objects go in with an item and a sample, a reward between them comes out; nothing here knows HTTP."""
