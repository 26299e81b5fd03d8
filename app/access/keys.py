"""An API key: what is kept of it, and the token that only its holder has."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from app.access.roles import Role

# Recognisable in a log or a repository, by people and by scanners for leaked secrets.
PREFIX = "tq"
ID_BYTES = 5
SECRET_BYTES = 32
TOKEN = re.compile(rf"{PREFIX}_([0-9a-f]{{{2 * ID_BYTES}}})_([0-9a-f]{{{2 * SECRET_BYTES}}})")
NO_DIGEST = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True)
class Key:
    """A key as it is kept.

    `rate_per_s` and `daily_requests` are 0 where there is no limit. `digest` is the SHA-256 of
    the secret, in hexadecimal.
    """

    id: str
    name: str
    role: Role
    digest: str
    created_at: datetime
    revoked_at: datetime | None = None
    rate_per_s: float = 0.0
    daily_requests: int = 0


def new_token() -> tuple[str, str, str]:
    """A key's id, its token and its digest; the token is kept nowhere.

    One round of SHA-256 is right here and would be wrong for a password: slow hashes make
    guessing dear, and 256 random bits cannot be guessed however fast one tries. A slow hash
    would only make each request dear.
    """
    key_id, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    return key_id, f"{PREFIX}_{key_id}_{secret}", digest_of(secret)


def read_token(token: str) -> tuple[str, str] | None:
    """The id and the secret in a token, or None for what is no token."""
    found = TOKEN.fullmatch(token)
    return None if found is None else (found[1], found[2])


def digest_of(secret: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def fits(key: Key | None, secret: str) -> bool:
    """Whether the secret is this key's, in the same time whatever it is and whether one is there.

    The id before it is no secret: it names the row, and only the rest has to match.
    """
    return hmac.compare_digest(digest_of(secret), key.digest if key else NO_DIGEST) and bool(key)
