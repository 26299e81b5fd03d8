"""Where vectors live: similarity indexes over plain NumPy arrays."""
