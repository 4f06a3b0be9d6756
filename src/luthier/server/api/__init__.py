"""What Luthier's server can do and OpenAI's API has no words for."""
