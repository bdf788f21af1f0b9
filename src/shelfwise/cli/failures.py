"""What went wrong, in words for the person at the command line: one line for each kind of error that has a remedy."""

from functools import singledispatch

from pydantic import ValidationError
from pydantic_settings import SettingsError as UnreadableSettingError
from sqlalchemy.exc import SQLAlchemyError

from shelfwise.http import HTTPClientError
from shelfwise.inventory.clients.errors import SalesUnavailableError
from shelfwise.planning.demand import ChampionMissingError
from shelfwise.platform.problems import ProblemError
from shelfwise.platform.settings import SettingsError

_DOCTOR = "`shelfwise doctor` says more."


@singledispatch
def explain(error: Exception) -> str | None:
    """One line for an error that a user can do something about; None for any other."""
    del error
    return None


@explain.register
def _(error: ValidationError) -> str:
    found = []
    for entry in error.errors():
        name, message = ".".join(map(str, entry["loc"])), entry["msg"].removeprefix("Value error, ")
        found.append(f"{name}: {message}" if name else message)
    return f"a setting is not valid. {'; '.join(found)}"


@explain.register
def _(error: UnreadableSettingError) -> str:
    problem = str(error).partition(" from source")[0]
    return f'a setting is not valid: {problem}. A list is written as JSON, such as ["a.example.com"].'


@explain.register
def _(error: SettingsError) -> str:
    return str(error)


@explain.register
def _(error: ProblemError) -> str:
    return error.detail.replace("X-Tenant-ID:", "The tenant's id").removeprefix("body: ")


@explain.register
def _(error: SalesUnavailableError) -> str:
    return (
        f"Sales could not be asked ({error.text}). Start it with `shelfwise serve sales`, or set SALES_SERVICE_URL to "
        "where it is; then repeat this command."
    )


@explain.register
def _(error: HTTPClientError) -> str:
    return f"a service could not be asked ({type(error).__name__}). {_DOCTOR}"


@explain.register
def _(error: SQLAlchemyError) -> str:
    # The text of a driver's error names hosts and statements; its class says enough to find the cause.
    return f"the database cannot be used ({type(getattr(error, 'orig', None) or error).__name__}). {_DOCTOR}"


@explain.register
def _(error: ChampionMissingError) -> str:
    return str(error)


@explain.register
def _(error: OSError) -> str:
    return f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
