"""Public benchmarks and task files of lm-eval become further families of what may not be forgotten."""
