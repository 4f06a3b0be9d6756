"""Ways of getting an answer, from a bare prompt to a fine-tuned model, become measured rungs and an advice."""
