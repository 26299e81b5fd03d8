"""A whole collection of images tagged from the shell: it can be interrupted and goes on."""
