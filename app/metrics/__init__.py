"""What Prometheus is told: a catalogue, what is counted as it happens, what is read when asked."""
