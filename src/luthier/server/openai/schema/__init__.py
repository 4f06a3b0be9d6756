"""What the OpenAI API is asked and what it answers, as pydantic models: one module a topic."""
