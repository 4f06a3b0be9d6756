"""How a step of the running batch is computed: one runner for every architecture, and a fast one for most."""
