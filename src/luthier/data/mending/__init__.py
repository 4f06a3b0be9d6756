"""A file with findings becomes a copy without them, and a ledger of every change."""
