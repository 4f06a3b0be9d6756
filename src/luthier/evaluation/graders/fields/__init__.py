"""Two JSON values go in, what became of each of their fields comes out: right, wrong, omitted or invented."""
