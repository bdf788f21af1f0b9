"""Audit entries as JSON."""

from datetime import datetime
from typing import Any

import msgspec

from shelfwise.platform.audit import AuditEntry


class AuditEntryOut(msgspec.Struct, frozen=True):
    """Who did what. ``before`` and ``after`` are the object as the API showed it; null where there was none."""

    audit_id: str
    recorded_at: datetime
    subject: str
    action: str
    object_type: str
    object_id: str
    before: Any
    after: Any
    request_id: str | None


class AuditEntries(msgspec.Struct, frozen=True):
    items: list[AuditEntryOut]
    next: str | None


def entry_out(entry: AuditEntry) -> AuditEntryOut:
    change = entry.change
    return AuditEntryOut(
        entry.audit_id,
        entry.recorded_at,
        entry.subject,
        change.action,
        change.object_type,
        change.object_id,
        change.before,
        change.after,
        entry.request_id,
    )
