"""An engine and those who ask it stand in different processes: one socket, one line for each thing that is said."""
