"""``python -m shelfwise.cli`` is ``shelfwise``."""

from shelfwise.cli.main import app

if __name__ == "__main__":
    app()
