"""Addresses meant to lead the service to what only it can reach: none of them is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address

import pytest

from app.errors import FetchError
from app.intake.addresses import Address, is_public
from app.intake.fetch import Fetcher, resolve
from tests.fixtures.web import Web, plain, redirect, routed, serving

# PORT is the canary's, which listens on loopback.
LOOPBACK = [
    "http://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://0:PORT/",
    "http://0.0.0.0:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0x7f.1:PORT/",
    "http://0X7F.0x0.0x0.0x1:PORT/",
    "http://017700000001:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://0177.1:PORT/",
    "http://00000000177.0.0.1:PORT/",
    "http://127.0.0.01:PORT/",
    "http://4294967296:PORT/",
    "http://127.127.127.127:PORT/",
    "http://localhost:PORT/",
    "http://LOCALHOST:PORT/",
    "http://localhost.:PORT/",
    "http://[::1]:PORT/",
    "http://[0:0:0:0:0:0:0:1]:PORT/",
    "http://[::]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::]:PORT/",
    "http://[::1%25lo]:PORT/",
    "http://[fe80::1%25eth0]:PORT/",
    "http://127。0。0。1:PORT/",
    "http://127.0.0.1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "http://%31%32%37.0.0.1:PORT/",
    "http://127.0.0.1%00.example.com:PORT/",
    "http://localhost%2eexample.com:PORT/",
    "http://example.com@127.0.0.1:PORT/",
    "http://example.com:80@127.0.0.1:PORT/",
    "http://user:pass@localhost:PORT/",
    "http://@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT@example.com/",
    "http://example.com%40127.0.0.1:PORT/",
    "http://example.com\\@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT\\@example.com/",
    "http:\\\\127.0.0.1:PORT/",
    "http:/127.0.0.1:PORT/",
    "http:127.0.0.1:PORT/",
    "http:///127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/",
    "http://127.0.0.1:PORT#@example.com/",
    "http://127.0.0.1:PORT?@example.com/",
    "ftp://127.0.0.1:PORT/",
    "file:///etc/passwd",
    "file://127.0.0.1:PORT/etc/passwd",
    "gopher://127.0.0.1:PORT/_GET%20/",
    "dict://127.0.0.1:PORT/stats",
    "ldap://127.0.0.1:PORT/",
    "jar:http://127.0.0.1:PORT/!/",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "unix:///var/run/docker.sock",
    "http+unix://%2fvar%2frun%2fdocker.sock/info",
]
INNER = [
    "http://169.254.169.254/latest/meta-data/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "http://[::ffff:169.254.169.254]/",
    "http://100.100.100.200/latest/meta-data/",
    "http://192.0.0.192/",
    "http://168.63.129.16/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://[fc00::1]/",
    "http://[fec0::1]/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://1.1.1.1:22/",
    "http://1.1.1.1:25/",
    "http://1.1.1.1:0/",
    "http://1.1.1.1:65536/",
    "http://1.1.1.1:-1/",
]
WITH_SPACE = (
    "http://127.0.0.1:PORT/ HTTP/1.1\r\nHost: example.com",
    "http://exa mple.com/",
    "http://1.1.1.1 &@2.2.2.2# @127.0.0.1:PORT/",
    "http://127.0.0.1\t:PORT/",
    "http://example.com\n@127.0.0.1:PORT/",
    "http://127.0.0.1:PORT/\u2028",
    "http://" + "a" * 64 + ".example/",
    "http://example.com/" + "a" * 9000,
    "http://",
    "",
)


@pytest.fixture
def canary() -> Iterator[Web]:
    with serving(plain(b"secret"), "0.0.0.0") as web:  # noqa: S104 - any loopback address counts
        yield web


def answering(*texts: str) -> Sequence[Address]:
    return [ip_address(text) for text in texts]


def fetcher(**changes: object) -> Fetcher:
    return Fetcher(**({"max_bytes": 1000, "timeout_s": 5} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("url", [*LOOPBACK, *INNER, *WITH_SPACE])
def test_a_hostile_url_is_refused_and_nobody_is_connected_to(url: str, canary: Web) -> None:
    address = url.replace("PORT", str(canary.port))
    with pytest.raises(FetchError) as caught:
        fetcher().fetch(address)
    assert caught.value.field == "url"
    with pytest.raises(FetchError):
        fetcher().post(address, b"{}", {})
    assert canary.hits == 0


def test_the_canary_counts_what_is_let_through(canary: Web) -> None:
    assert fetcher(is_allowed=lambda _: True).fetch(canary.url(host="127.0.0.1")) == b"secret"
    assert canary.hits == 1


@pytest.mark.parametrize(
    "answers",
    [
        ("127.0.0.1",),
        ("10.0.0.1",),
        ("169.254.169.254",),
        ("::1",),
        ("::ffff:127.0.0.1",),
        ("fd00::1",),
        ("64:ff9b::7f00:1",),
        ("8.8.8.8", "127.0.0.1"),
        ("127.0.0.1", "8.8.8.8"),
        (),
    ],
)
def test_a_name_that_means_an_inner_address_is_refused(
    answers: tuple[str, ...], canary: Web
) -> None:
    asked: list[str] = []

    def resolver(host: str, port: int) -> Sequence[Address]:
        asked.append(host)
        return answering(*answers)

    with pytest.raises(FetchError):
        fetcher(resolver=resolver).fetch(f"http://photos.example:{canary.port}/cat.jpg")
    assert asked == ["photos.example"]
    assert canary.hits == 0


# The stranger's server stands on 127.0.0.2, which these tests call public; the canary does not.
STRANGER = ip_address("127.0.0.2")


def public_or_stranger(address: Address) -> bool:
    return address == STRANGER or is_public(address)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:PORT/",
        "//127.0.0.1:PORT/",
        "http://2130706433:PORT/",
        "http://[::ffff:127.0.0.1]:PORT/",
        "http://localhost:PORT/",
        "http://rebound.example:PORT/",
        "http://user@127.0.0.1:PORT/",
        "ftp://127.0.0.1:PORT/",
        "file:///etc/passwd",
        "http://[",
        "",
    ],
)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temp", "308 Perm"])
def test_a_redirect_is_looked_at_like_the_first_address(
    location: str, status: str, canary: Web
) -> None:
    there = redirect(location.replace("PORT", str(canary.port)), status)

    def resolver(host: str, port: int) -> Sequence[Address]:
        if host == "rebound.example":
            return answering("127.0.0.1")
        return resolve(host, port)

    with serving(there, "127.0.0.2") as stranger:
        guarded = fetcher(is_allowed=public_or_stranger, resolver=resolver)
        with pytest.raises(FetchError):
            guarded.fetch(stranger.url("/cat.jpg"))
        assert stranger.hits >= 1
    assert canary.hits == 0


def test_a_name_that_changes_its_answer_is_connected_to_at_the_address_that_was_checked(
    canary: Web,
) -> None:
    asked = 0

    def rebinding(host: str, port: int) -> Sequence[Address]:
        nonlocal asked
        asked += 1
        return answering("127.0.0.2" if asked == 1 else "127.0.0.1")

    guarded = fetcher(is_allowed=public_or_stranger, resolver=rebinding)
    with serving(plain(b"photo"), "127.0.0.3") as stranger:
        pass  # a free port, where the canary's cannot be had on 127.0.0.2 as well
    with serving(plain(b"secret"), "127.0.0.1", stranger.port) as inner:
        routes = routed({"/cat.jpg": plain(b"photo"), "/again": redirect("/cat.jpg")})
        with serving(routes, "127.0.0.2", stranger.port) as outer:
            url = outer.url("/cat.jpg", host="rebinding.example")
            assert guarded.fetch(url) == b"photo"
            assert asked == 1
            asked = 0
            # The second hop asks again, hears the inner address, and is refused.
            with pytest.raises(FetchError, match="不是公网地址"):
                guarded.fetch(outer.url("/again", host="rebinding.example"))
            assert asked == 2
            assert (outer.hits, inner.hits) == (2, 0)
    assert canary.hits == 0


def test_a_proxy_of_the_environment_is_not_used(
    canary: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{canary.port}")
    with serving(plain(b"photo"), "127.0.0.2") as stranger:
        guarded = fetcher(is_allowed=public_or_stranger)
        assert guarded.fetch(stranger.url()) == b"photo"
        assert guarded.post(stranger.url(), b"{}", {}) == 200
    assert canary.hits == 0


def test_a_redirect_of_a_post_is_an_answer_and_is_not_followed(canary: Web) -> None:
    with serving(redirect(canary.url(host="127.0.0.1"), "307 Temp"), "127.0.0.2") as stranger:
        guarded = fetcher(is_allowed=lambda _: True)
        assert guarded.post(stranger.url(), b"{}", {}) == 307
    assert canary.hits == 0
