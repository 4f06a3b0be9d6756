"""Engines that answer the same prompts in turns, each in a process of its own, and what is made of their times."""
