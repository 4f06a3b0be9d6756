"""What a run will do and need, settled before it begins: values, work, memory, time; what cannot fit is refused."""
