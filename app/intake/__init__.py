"""Getting pixels safely from what a caller sent."""
