"""Settings as the command line sees them: the environment's, with the options that were given on top."""

from pathlib import Path
from typing import Any, TypeVar

from shelfwise.platform.settings import PlatformSettings

S = TypeVar("S", bound=PlatformSettings)


def load(kind: type[S], data_dir: Path | None = None, **given: Any) -> S:  # noqa: ANN401  any setting's own type
    """The service's settings; what is None was not given and stays the environment's."""
    if data_dir is not None:
        given["DATA_DIR"] = data_dir
    return kind(**{name: value for name, value in given.items() if value is not None})
