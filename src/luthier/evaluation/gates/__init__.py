"""Evidence about two models goes in, gates with their numbers come out, and what follows when one does not hold."""
