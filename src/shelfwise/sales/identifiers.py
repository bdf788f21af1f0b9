"""What may name an order, a product, a code or a location, and what text may be kept."""

MAX_LENGTH = 128


def code_problem(value: str) -> str | None:
    """Why a text cannot be a code, or None when it can: 1 to 128 printable characters."""
    if not value:
        return "is empty"
    if len(value) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    # Text of invalid UTF-8 arrives as lone surrogates, which are not printable either.
    if not value.isprintable():
        return "contains a character that cannot be printed"
    return None


def identifier_problem(value: str) -> str | None:
    """Why a text cannot be an identifier: a code that can also stand in a path, so no '/' and no dot path."""
    if value in {".", ".."} or "/" in value:
        return "must not contain '/' or be '.' or '..'"
    return code_problem(value)


def text_problem(value: str | None) -> str | None:
    """Why a text cannot be stored: PostgreSQL keeps neither NUL nor lone surrogates."""
    if value is not None and ("\x00" in value or any("\ud800" <= character <= "\udfff" for character in value)):
        return "contains a character that cannot be stored"
    return None
