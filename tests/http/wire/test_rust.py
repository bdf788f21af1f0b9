"""The Rust wire over TLS."""

import asyncio
import datetime as dt
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from granian.constants import Interfaces
from granian.server.embed import Server

from fixtures.http_peers import echo_app
from fixtures.servers import free_port
from shelfwise.http import Policy, RustWire, WireRequest, exceptions
from shelfwise.http.policy import HTTP2Mode


def certificate(folder: Path) -> tuple[Path, Path, bytes]:
    """Files of a server's certificate and key for 127.0.0.1, and the PEM of the authority that signed it."""
    now = dt.datetime.now(dt.UTC)

    def build(name: str, issuer: str, public: ec.EllipticCurvePublicKey, signer: ec.EllipticCurvePrivateKey):
        builder = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
            subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
            public_key=public,
            serial_number=x509.random_serial_number(),
            not_valid_before=now - dt.timedelta(hours=1),
            not_valid_after=now + dt.timedelta(hours=1),
        ).add_extension(x509.BasicConstraints(ca=name == issuer, path_length=None), critical=True)
        if name != issuer:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        return builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(build("server", "authority", key.public_key(), authority))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return cert_file, key_file, build("authority", "authority", authority.public_key(), authority)


@asynccontextmanager
async def tls_server(cert: Path, key: Path) -> AsyncIterator[str]:
    port = free_port()
    server = Server(
        echo_app, port=port, interface=Interfaces.ASGI, ssl_cert=cert, ssl_key=key, websockets=False, log_enabled=False
    )
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                break
    try:
        yield f"https://127.0.0.1:{port}/"
    finally:
        server.stop()
        await task


@pytest.mark.parametrize(("mode", "version"), [("auto", "HTTP/2"), ("off", "HTTP/1.1"), ("on", "HTTP/2")])
async def test_tls_with_an_authority_of_ones_own_negotiates_the_protocol(tmp_path: Path, mode: HTTP2Mode, version: str):
    cert, key, authority = certificate(tmp_path)
    async with tls_server(cert, key) as url:
        wire = RustWire(Policy(http2=mode, tls_ca_cert=authority))
        response = await wire.send(WireRequest("GET", url, (), b""), 5)
        await wire.aclose()
    assert (response.status, response.http_version) == (200, version)


async def test_a_certificate_of_an_unknown_authority_is_a_connect_error_and_unsent(tmp_path: Path):
    cert, key, _ = certificate(tmp_path)
    async with tls_server(cert, key) as url:
        wire = RustWire(Policy())
        with pytest.raises(exceptions.ConnectError) as caught:
            await wire.send(WireRequest("GET", url, (), b""), 5)
        await wire.aclose()
    assert caught.value.sent == "no"
