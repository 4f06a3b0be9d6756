"""Somebody else's OpenAI-compatible server: its address, what it can do, how it is asked, and what that costs."""
