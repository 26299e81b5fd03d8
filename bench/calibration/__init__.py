"""Whether confidences, thresholds and promises hold, on photographs with known tags."""
