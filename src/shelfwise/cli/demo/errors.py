"""Why a demo ends before it is stopped.

::

    SettingsError
    +-- DemoError             a service ended, or refused what the demo asked of it
        +-- FolderError       the folder cannot be the demo's; nothing in it was touched
"""

from shelfwise.platform.settings import SettingsError


class DemoError(SettingsError):
    """The demo cannot go on; the message says why and what to do."""


class FolderError(DemoError):
    """The folder cannot be the demo's; the message says what to do."""
