"""`python -m app` is the `tuqian` command."""

from app.cli import main

if __name__ == "__main__":
    main()
