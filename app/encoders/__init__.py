"""Models that turn images and texts into vectors of one space."""
