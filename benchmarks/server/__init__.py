"""What bench_server.py consists of: the processes that are measured, the load on them, and what comes of it."""
