"""What bench_server.py consists of: the processes that are measured, the load on them, and the numbers that come out."""
