"""The HTTP API: thin routes over what the rooms below can do."""
