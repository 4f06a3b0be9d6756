"""Engines that train the same rows in turns, each in a process of its own, and what is made of their times."""
