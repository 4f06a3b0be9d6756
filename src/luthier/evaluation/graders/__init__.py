"""An output and its reference go in, passed or not with a reason comes out; one grader per file."""
