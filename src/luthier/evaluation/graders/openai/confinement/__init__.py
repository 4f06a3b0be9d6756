"""Python code that nobody vouches for goes in, its result comes out, and it reaches nothing on the way."""
