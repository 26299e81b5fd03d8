"""Measures this machine: `tuqian bench`."""
