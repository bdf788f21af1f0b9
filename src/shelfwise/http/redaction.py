"""What a URL may show in a log line, a span or a representation."""

import re

_SECRET_VALUE = re.compile(
    r"([?&](?:[^=&#]*(?:token|secret|passw|api[-_]?key|access[-_]?key|signature|credential|session|authori[sz])[^=&#]*"
    r"|auth|code|jwt|key|sig)=)[^&#]*",
    re.IGNORECASE,
)


def without_secrets(url: str) -> str:
    """``url`` with REDACTED for the value of each query parameter whose name speaks of a credential."""
    return _SECRET_VALUE.sub(r"\1REDACTED", url) if "?" in url else url
