"""Who comes in, and when the service does not open at all."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.access.door import Door, check_door, is_loopback
from app.access.roles import Caller, Role
from app.access.store import KeyStore
from app.database import Database
from app.errors import QuotaExhaustedError, SettingsError, UnauthenticatedError


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


@contextmanager
def door(keys: KeyStore, host: str = "127.0.0.1", **choices: object) -> Iterator[Door]:
    made = Door(keys, host=host, **choices)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


def test_a_token_becomes_the_caller_of_its_key(keys: KeyStore) -> None:
    key, token = keys.create("采编", "edit")
    with door(keys, "0.0.0.0") as open_door:  # noqa: S104 - not bound
        assert open_door.with_token(token) == Caller(Role.EDIT, "采编", key.id)


def test_a_wrong_secret_an_unknown_id_and_nonsense_open_nothing(keys: KeyStore) -> None:
    key, token = keys.create("a", "admin")
    flipped = token[:-1] + ("0" if token[-1] != "0" else "1")
    with door(keys) as open_door:
        for wrong in (flipped, token.replace(key.id, "0" * 10), token + "0", key.id, "", "x"):
            with pytest.raises(UnauthenticatedError):
                open_door.with_token(wrong)


def test_on_loopback_nobody_needs_a_key_until_the_first_one_is_made(keys: KeyStore) -> None:
    with door(keys) as open_door:
        assert open_door.without_token(from_here=True) == Caller(Role.ADMIN)
        with pytest.raises(UnauthenticatedError):
            open_door.without_token(from_here=False)
        keys.create("a", "tag")
        open_door.refresh()
        with pytest.raises(UnauthenticatedError):
            open_door.without_token(from_here=True)


def test_revoking_the_last_key_does_not_open_the_door_again(keys: KeyStore) -> None:
    _, token = keys.create("a", "tag")
    keys.revoke("a")
    with door(keys) as open_door:
        with pytest.raises(UnauthenticatedError):
            open_door.with_token(token)
        with pytest.raises(UnauthenticatedError):
            open_door.without_token(from_here=True)


def test_where_it_was_allowed_a_stranger_has_the_role_that_was_chosen(keys: KeyStore) -> None:
    keys.create("a", "tag")
    with door(keys, "0.0.0.0", allow_anonymous=True, anonymous_role=Role.READ) as open_door:  # noqa: S104
        assert open_door.without_token(from_here=False) == Caller(Role.READ)


def test_a_key_revoked_by_another_process_is_dead_soon(keys: KeyStore) -> None:
    _, token = keys.create("a", "tag")
    with door(keys) as open_door:
        open_door.with_token(token)
        keys.revoke("a")
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                open_door.with_token(token)
            except UnauthenticatedError:
                return
            time.sleep(0.05)
        pytest.fail("the key still opens")


def test_a_restart_does_not_give_a_quota_back(keys: KeyStore) -> None:
    _, token = keys.create("a", "tag", daily_requests=2)
    with door(keys) as open_door:
        open_door.with_token(token)
        open_door.with_token(token)
    with door(keys) as open_door, pytest.raises(QuotaExhaustedError):
        open_door.with_token(token)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_a_loopback_host_needs_no_key_to_start(host: str) -> None:
    assert is_loopback(host)
    check_door(host, [], allow_anonymous=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "photos.example", ""])  # noqa: S104
def test_another_host_starts_with_a_valid_key_or_with_permission_only(
    host: str, keys: KeyStore
) -> None:
    with pytest.raises(SettingsError) as caught:
        check_door(host, keys.all(), allow_anonymous=False)
    assert "tuqian keys create" in (caught.value.remedy or "")
    check_door(host, keys.all(), allow_anonymous=True)
    keys.create("a", "admin")
    check_door(host, keys.all(), allow_anonymous=False)
    keys.revoke("a")
    with pytest.raises(SettingsError):
        check_door(host, keys.all(), allow_anonymous=False)
