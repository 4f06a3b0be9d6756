"""What training minimises: log-probabilities of answers become losses, behind one protocol."""
