"""The ``shelfwise`` command: one module for each noun."""
