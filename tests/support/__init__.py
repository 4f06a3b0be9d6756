"""What several tests build: a tiny model, small data, a home folder."""
