"""Letting requests in, and joining their images into batches."""
