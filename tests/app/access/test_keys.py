"""Keys: made, kept without their secret, listed, revoked."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from app.access.audit import AuditLog, Deed
from app.access.keys import fits, new_token, read_token
from app.access.roles import Role
from app.access.store import KeyStore
from app.database import Database
from app.errors import KeyExistsError, KeyNotFoundError, SettingsError


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


def test_a_token_opens_its_own_key_and_no_other(keys: KeyStore) -> None:
    first, token = keys.create("编辑部", "edit", rate_per_s=2.5, daily_requests=100)
    second, other = keys.create("second", "read")
    found = read_token(token)
    assert found is not None
    assert found[0] == first.id
    assert fits(first, found[1])
    assert not fits(second, found[1])
    assert not fits(None, found[1])
    assert token != other
    assert list(keys.all()) == [first, second]


def test_neither_token_nor_secret_is_in_the_database(
    keys: KeyStore, database: Database, tmp_path: Path
) -> None:
    _, token = keys.create("a", "admin")
    secret = token.rsplit("_", 1)[1]
    database.close()
    files = list(tmp_path.glob("tuqian.db*"))
    assert files
    assert not any(secret.encode() in file.read_bytes() for file in files)


@pytest.mark.parametrize(
    "text",
    ["", "tq_", "tq__", "tq_0123456789_", "tq_0123456789_zz", "TQ_" + "0" * 75, "\0", "密"],
)
def test_what_is_no_token_is_read_as_none(text: str) -> None:
    assert read_token(text) is None


def test_no_two_tokens_are_alike() -> None:
    assert len({new_token()[1] for _ in range(1000)}) == 1000


def test_a_revoked_key_stays_in_the_list_and_its_name_stays_taken(keys: KeyStore) -> None:
    key, _ = keys.create("a", "tag")
    gone = keys.revoke("a")
    assert (gone.id, gone.revoked_at is not None) == (key.id, True)
    assert keys.all()[0].revoked_at is not None
    with pytest.raises(KeyExistsError):
        keys.create("a", "tag")
    with pytest.raises(KeyNotFoundError):
        keys.revoke("a")


def test_a_key_can_be_revoked_by_its_id(keys: KeyStore) -> None:
    key, _ = keys.create("a", "tag")
    assert keys.revoke(key.id).name == "a"


@pytest.mark.parametrize("name", ["", " a", "a b", "a\nb", "-a", "x" * 65, "a/b"])
def test_a_name_that_would_break_a_line_is_refused(keys: KeyStore, name: str) -> None:
    with pytest.raises(SettingsError):
        keys.create(name, "tag")


def test_an_unknown_role_is_refused_and_the_roles_are_named(keys: KeyStore) -> None:
    with pytest.raises(SettingsError) as caught:
        keys.create("a", "root")
    assert "read、tag、edit、admin" in (caught.value.remedy or "")


def test_each_role_may_do_what_the_ones_below_it_may() -> None:
    assert Role.READ < Role.TAG < Role.EDIT < Role.ADMIN


def test_making_and_revoking_a_key_is_in_the_audit(keys: KeyStore, database: Database) -> None:
    keys.create("a", "tag", actor="shell:root")
    keys.revoke("a", actor="shell:root")
    deeds = [entry.deed for entry in AuditLog(database).page()]
    assert [(d.actor, d.action, d.target) for d in deeds] == [
        ("shell:root", "吊销密钥", "a (tag)"),
        ("shell:root", "创建密钥", "a (tag)"),
    ]


def test_use_adds_up_by_day(keys: KeyStore) -> None:
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    keys.add_use({("k", first): 3, ("k", second): 1})
    keys.add_use({("k", second): 4, ("j", second): 2})
    assert keys.used(second) == {"k": 5, "j": 2}
    assert keys.used(first) == {"k": 3}
    assert keys.last_days() == {"k": second, "j": second}


def test_whatever_a_caller_calls_itself_can_be_written_down(database: Database) -> None:
    audit = AuditLog(database)
    audit.write(Deed("a\0b" + "长" * 500, "修改标签", "/v1/" + "x" * 1000, revision=3))
    (entry,) = audit.page()
    assert entry.deed.actor.startswith("a\N{REPLACEMENT CHARACTER}b长")
    assert (len(entry.deed.actor), len(entry.deed.target)) == (200, 500)
