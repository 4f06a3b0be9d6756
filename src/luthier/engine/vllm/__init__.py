"""vLLM's own server as an engine: started and watched here, or found running, and asked with our own tokens."""
