"""Names of models become weights in memory, under a budget: what is asked for stays, what is not leaves."""
