"""Fetching what may be fetched: what is sent, what is followed, and every cap."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path

import pytest

from app.errors import EmptyImageError, FetchError, ImageTooLargeError
from app.intake.addresses import Address
from app.intake.decode import decode
from app.intake.fetch import Fetcher
from app.intake.limits import Limits
from app.intake.sources import UrlSource
from tests.fixtures.web import plain, redirect, routed, serving

PHOTO = Path(__file__).parents[2] / "data" / "coffee.jpg"


def local(host: str, port: int) -> Sequence[Address]:
    return [ip_address("127.0.0.1")]


def fetcher(**changes: object) -> Fetcher:
    numbers = {
        "max_bytes": 1 << 20,
        "timeout_s": 10,
        "resolver": local,
        "is_allowed": lambda address: str(address) == "127.0.0.1",
    }
    return Fetcher(**(numbers | changes))  # type: ignore[arg-type]


def test_a_photo_is_fetched_and_its_content_decides_what_it_is(limits: Limits) -> None:
    data = PHOTO.read_bytes()
    with serving(plain(data, Content_Type="text/html")) as web:
        source = UrlSource(web.url("/cup?size=l", host="photos.example"), fetcher().fetch)
        image = decode(source.read(limits), limits)
    assert (image.format, image.width > 100) == ("JPEG", True)
    head = web.requests[0]
    assert head.startswith(b"GET /cup?size=l HTTP/1.1\r\n")
    assert f"Host: photos.example:{web.port}\r\n".encode() in head
    assert b"Accept-Encoding: identity\r\n" in head
    assert b"ookie" not in head


def test_relative_and_absolute_redirects_are_followed_so_many_times() -> None:
    routes = {
        "/a/1": redirect("2"),
        "/a/2": redirect("/b/3?x=1", "308 Permanent"),
        "/b/3?x=1": plain(b"photo"),
    }
    with serving(routed(routes)) as web:
        url = web.url("/a/1", host="photos.example")
        assert fetcher(max_redirects=2).fetch(url) == b"photo"
        with pytest.raises(FetchError, match="超过 1 次"):
            fetcher(max_redirects=1).fetch(url)


def test_a_file_over_the_limit_is_refused_by_what_it_declares_and_by_what_it_is() -> None:
    endless = threading.Event()

    def never_ends(request: bytes, send: Callable[[bytes], None]) -> None:
        send(b"HTTP/1.1 200 OK\r\n\r\n")
        while not endless.is_set():
            send(bytes(1000))

    def declares(request: bytes, send: Callable[[bytes], None]) -> None:
        send(b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")

    for answer in (never_ends, declares, plain(bytes(2001))):
        with serving(answer) as web, pytest.raises(ImageTooLargeError):
            fetcher(max_bytes=2000).fetch(web.url())
    endless.set()
    with serving(plain(bytes(2000))) as web:
        assert fetcher(max_bytes=2000).fetch(web.url()) == bytes(2000)


def test_a_server_that_sends_one_byte_at_a_time_is_left_when_the_time_is_over() -> None:
    left = threading.Event()

    def drips(request: bytes, send: Callable[[bytes], None]) -> None:
        try:
            send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            for _ in range(1000):
                send(b"x")
                time.sleep(0.02)
        except OSError:
            left.set()

    with serving(drips) as web:
        with pytest.raises(FetchError, match="秒之内"):
            fetcher(timeout_s=0.3).fetch(web.url())
        assert left.wait(10)


def test_slow_headers_a_slow_resolver_and_silence_end_at_the_same_limit() -> None:
    done = threading.Event()

    def head_drips(request: bytes, send: Callable[[bytes], None]) -> None:
        send(b"HTTP/1.1 200 OK\r\n")
        while not done.wait(0.02):
            send(b"X: y\r\n")

    def silent(request: bytes, send: Callable[[bytes], None]) -> None:
        done.wait(10)

    def slow(host: str, port: int) -> Sequence[Address]:
        done.wait(10)
        return []

    for answer in (head_drips, silent):
        with serving(answer) as web, pytest.raises(FetchError, match="秒之内"):
            fetcher(timeout_s=0.3).fetch(web.url())
    with pytest.raises(FetchError, match="秒之内"):
        fetcher(timeout_s=0.3, resolver=slow).fetch("http://photos.example/")
    done.set()


@pytest.mark.parametrize(
    ("answer", "wrong"),
    [
        (plain(b"", "404 Not Found"), "HTTP 404"),
        (plain(b"", "204 No Content"), "HTTP 204"),
        (plain(b"", "500 Oops"), "HTTP 500"),
        (plain(b"x", Content_Encoding="gzip"), "压缩"),
        (lambda request, send: None, "不完整"),
        (lambda request, send: send(b"SSH-2.0-OpenSSH_9\r\n"), "不完整"),
        (lambda request, send: send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), "不完整"),
    ],
)
def test_an_answer_that_is_no_file_is_said_to_be_none(answer: object, wrong: str) -> None:
    with serving(answer) as web, pytest.raises(FetchError, match=wrong):  # type: ignore[arg-type]
        fetcher().fetch(web.url())


def test_nobody_at_the_address_is_an_error_that_names_the_host() -> None:
    with serving(plain(b"")) as web:
        pass
    with pytest.raises(FetchError, match=r"photos\.example"):
        fetcher().fetch(web.url(host="photos.example"))


def test_the_next_address_of_a_name_is_tried_where_one_does_not_answer() -> None:
    def both(host: str, port: int) -> Sequence[Address]:
        return [ip_address("127.0.0.9"), ip_address("127.0.0.1")]

    with serving(plain(b"photo"), "127.0.0.1") as web:
        got = fetcher(resolver=both, is_allowed=lambda _: True).fetch(web.url(host="two.example"))
    assert got == b"photo"


def test_an_empty_file_is_called_empty(limits: Limits) -> None:
    with serving(plain(b"")) as web, pytest.raises(EmptyImageError):
        UrlSource(web.url(), fetcher().fetch).read(limits)


def test_a_post_carries_body_and_headers_and_gives_the_status() -> None:
    with serving(plain(b"", "202 Accepted")) as web:
        status = fetcher().post(
            web.url("/hook", host="hooks.example"), b'{"a":1}', {"X-Signature": "abc"}
        )
    assert status == 202
    request = web.requests[0]
    assert request.startswith(b"POST /hook HTTP/1.1\r\n")
    assert b"X-Signature: abc\r\n" in request
    assert request.endswith(b'\r\n\r\n{"a":1}')


def test_only_the_schemes_it_was_given_are_spoken() -> None:
    with pytest.raises(FetchError, match="https://"):
        fetcher(schemes=("https",)).fetch("http://photos.example/")


def test_a_certificate_is_checked_for_the_name_although_the_connection_is_to_an_address(
    tmp_path: Path,
) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl command to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            openssl,
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=photos.example",
            "-keyout",
            str(key),
            "-addext",
            "subjectAltName=DNS:photos.example",
            "-out",
            str(certificate),
        ],
        check=True,
        capture_output=True,
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    names: list[str | None] = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context(cafile=str(certificate))
    with serving(plain(b"photo"), tls=server) as web:
        url = f"https://photos.example:{web.port}/"
        assert fetcher(tls=trusting).fetch(url) == b"photo"
        assert names == ["photos.example"]
        with pytest.raises(FetchError):  # the right certificate, of another name
            fetcher(tls=trusting).fetch(url.replace("photos", "other"))
        with pytest.raises(FetchError):  # a certificate that nobody we know has signed
            fetcher().fetch(url)
