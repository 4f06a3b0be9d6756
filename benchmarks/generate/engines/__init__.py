"""One program for each engine that takes part: a job goes in, and its answers are timed when its turn comes."""
