"""The Tuqian service: HTTP interface, command line, encoders and the tagging path."""
