"""What every wire is held to over TLS: version, ALPN, an authority of one's own, client certificates."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from fixtures.certificates import Authority
from fixtures.http_peers import Http2Peer, raw_peer
from fixtures.wires import POLICY, WireKind, get
from shelfwise.http import exceptions


class TlsPeer:
    """Answers in the protocol that was negotiated, and notes what that was."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        certificate = tls.getpeercert() or {}
        names = [value for part in certificate.get("subject", ()) for _, value in part]
        self.seen.append((tls.version(), tls.selected_alpn_protocol(), names))
        if tls.selected_alpn_protocol() == "h2":
            await Http2Peer().serve(reader, writer)
            return
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")


def alpn(kind: WireKind) -> str:
    return "h2" if kind.protocol == "HTTP/2" else "http/1.1"


async def test_tls_1_3_and_the_protocol_are_negotiated_with_an_authority_of_ones_own(
    kind: WireKind, authority: Authority
):
    peer = TlsPeer()
    wire = kind.make(replace(POLICY, tls_ca_cert=authority.pem))
    async with raw_peer(peer.serve, authority.server_context()) as raw:
        answer = await wire.send(get(raw.url + "/ok"), 5)
        await wire.aclose()
    assert (answer.body, answer.http_version) == (b"ok", kind.protocol)
    assert peer.seen == [("TLSv1.3", alpn(kind), [])]


async def test_a_certificate_of_an_unknown_authority_is_a_connect_error_and_unsent(
    kind: WireKind, authority: Authority
):
    wire = kind.make(POLICY)
    async with raw_peer(TlsPeer().serve, authority.server_context()) as raw:
        with pytest.raises(exceptions.ConnectError) as caught:
            await wire.send(get(raw.url + "/ok"), 5)
        await wire.aclose()
    assert caught.value.sent == "no"


async def test_a_client_certificate_is_shown_to_a_peer_that_asks(kind: WireKind, authority: Authority):
    peer, mine = TlsPeer(), authority.issue("inventory")
    policy = replace(POLICY, tls_ca_cert=authority.pem, tls_client_cert=mine.cert, tls_client_key=mine.key)
    wire = kind.make(policy)
    async with raw_peer(peer.serve, authority.server_context(asks_for_certificate=True)) as raw:
        assert (await wire.send(get(raw.url + "/ok"), 5)).body == b"ok"
        await wire.aclose()
    assert peer.seen == [("TLSv1.3", alpn(kind), ["inventory"])]


async def test_without_the_client_certificate_that_a_peer_asks_for_the_call_fails_on_the_wire(
    kind: WireKind, authority: Authority
):
    peer = TlsPeer()
    wire = kind.make(replace(POLICY, tls_ca_cert=authority.pem))
    async with raw_peer(peer.serve, authority.server_context(asks_for_certificate=True)) as raw:
        with pytest.raises(exceptions.WireError) as caught:
            await wire.send(get(raw.url + "/ok"), 5)
        await wire.aclose()
    # In TLS 1.3 the client is done before the server has looked: which error it is depends on when it learns.
    assert caught.value.sent != "yes"
    assert peer.seen == []
