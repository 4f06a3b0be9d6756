"""The texts, gaps and questions that come with Luthier: written for it, and the same for every model."""
