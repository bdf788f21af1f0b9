"""The three ways to look addresses up: A/AAAA records, SRV records, and a file."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import dns.asyncresolver
import dns.exception
import dns.rdatatype
import dns.resolver

from shelfwise.http.discovery.target import Target, origin_of
from shelfwise.http.policy import DiscoveryPolicy

MAX_INSTANCES = 1000
_MAX_FILE_BYTES = 1024 * 1024


class LookupFailedError(Exception):
    """Nothing could be learned; the message says why."""


class Found(NamedTuple):
    """Origins such as ``http://10.0.0.1:5001``, and for how many seconds they hold."""

    addresses: list[str]
    ttl_seconds: float


Lookup = Callable[[], Awaitable[Found]]


def lookup_of(target: Target, policy: DiscoveryPolicy) -> Lookup:
    """The lookup that a target needs; each raises LookupFailedError."""
    if target.scheme == "file":
        return lambda: _read(Path(target.lookup), policy)
    resolver = _resolver(policy)
    if target.scheme == "dns":
        return lambda: _hosts(resolver, target.lookup, target.port, policy)
    return lambda: _services(resolver, target.lookup, policy)


def _resolver(policy: DiscoveryPolicy) -> dns.asyncresolver.Resolver:
    if policy.dns_server is None:
        return dns.asyncresolver.Resolver()
    host, _, port = policy.dns_server.rpartition(":") if _has_port(policy.dns_server) else (policy.dns_server, "", "53")
    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = [host.strip("[]")]
    resolver.port = int(port)
    return resolver


def _has_port(server: str) -> bool:
    return server.rpartition("]")[2].count(":") == 1 if "[" in server else server.count(":") == 1


async def _hosts(resolver: dns.asyncresolver.Resolver, name: str, port: int, policy: DiscoveryPolicy) -> Found:
    hosts, ttl = await _addresses(resolver, name, policy)
    return Found([_origin(host, port) for host in hosts], ttl)


async def _services(resolver: dns.asyncresolver.Resolver, name: str, policy: DiscoveryPolicy) -> Found:
    """The instances of the lowest priority that has any address (RFC 2782); weights are left to the balancer."""
    try:
        answer = await resolver.resolve(name, dns.rdatatype.SRV, lifetime=policy.lookup_timeout_seconds)
    except (dns.exception.DNSException, OSError) as error:
        raise LookupFailedError(f"SRV {name}: {error}") from error
    records = sorted(answer, key=lambda record: record.priority)[:MAX_INSTANCES]
    ttl = float(answer.rrset.ttl) if answer.rrset is not None else 0.0
    failure: LookupFailedError | None = None
    for priority in dict.fromkeys(record.priority for record in records):
        found: list[str] = []
        for record in records:
            # A target of "." says that the service is decidedly not there.
            if record.priority != priority or len(record.target.labels) <= 1:
                continue
            try:
                hosts, host_ttl = await _addresses(resolver, record.target.to_text(omit_final_dot=True), policy)
            except LookupFailedError as error:
                failure = error
                continue
            ttl = min(ttl, host_ttl)
            found += [_origin(host, record.port) for host in hosts]
        if found:
            return Found(found[:MAX_INSTANCES], ttl)
    raise failure or LookupFailedError(f"SRV {name}: no instance")


async def _addresses(
    resolver: dns.asyncresolver.Resolver, name: str, policy: DiscoveryPolicy
) -> tuple[list[str], float]:
    answers = await asyncio.gather(
        *(
            resolver.resolve(name, kind, lifetime=policy.lookup_timeout_seconds, raise_on_no_answer=False)
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
        ),
        return_exceptions=True,
    )
    hosts: list[str] = []
    ttls: list[float] = []
    failures: list[BaseException] = []
    for answer in answers:
        if isinstance(answer, dns.exception.DNSException | OSError):
            failures.append(answer)
        elif isinstance(answer, BaseException):
            raise answer
        elif answer.rrset is not None:
            hosts += [record.to_text() for record in answer]
            ttls.append(float(answer.rrset.ttl))
    if not hosts:
        raise LookupFailedError(f"{name}: {failures[0] if failures else 'no address'}")
    return hosts[:MAX_INSTANCES], min(ttls)


def _origin(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def _read(path: Path, policy: DiscoveryPolicy) -> Found:
    """URLs as a JSON list, or one a line; empty lines and ``# comments`` count for nothing."""
    try:
        text = await asyncio.to_thread(_text, path)
        listed = json.loads(text) if text.lstrip().startswith("[") else _lines(text)
        if not isinstance(listed, list) or not all(isinstance(url, str) for url in listed):
            raise ValueError("it must be a list of URLs")  # noqa: TRY301 - one way out for whatever the file holds
        origins = [origin_of(url) for url in listed[:MAX_INSTANCES]]
        if any(base_path for _, base_path in origins):
            raise ValueError("the URLs must have no path")  # noqa: TRY301
    except (OSError, ValueError, RecursionError) as error:  # the last for a list in a list in a list, and so on
        raise LookupFailedError(f"{path}: {error}") from error
    return Found([origin for origin, _ in origins], policy.file_poll_seconds)


def _text(path: Path) -> str:
    with path.open("rb") as file:
        raw = file.read(_MAX_FILE_BYTES + 1)
    if len(raw) > _MAX_FILE_BYTES:
        raise ValueError("it is larger than 1 MiB")
    return raw.decode()


def _lines(text: str) -> list[str]:
    return [line for raw in text.splitlines() if (line := raw.partition("#")[0].strip())]
