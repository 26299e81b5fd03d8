"""Every request passes here: who calls, whether they may, and what they changed."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Collection
from urllib.parse import parse_qs, quote, unquote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.access import Access
from app.access.audit import AuditLog, Deed
from app.access.door import Door, is_loopback
from app.access.roles import Caller, Role
from app.api.access_table import Rule, row_for
from app.api.problem_table import NoSuchPageError
from app.api.problems import problem_response
from app.errors import ForbiddenError, NotReadyError, TuqianError
from app.logs import REQUEST_ID

log = logging.getLogger(__name__)

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
BEARER = "bearer "
PORT = re.compile(r":[0-9]*$")


class AccessControl:
    """Middleware: lets a request through if its caller has the role that its route asks for."""

    def __init__(self, app: ASGIApp, cors_origins: Collection[str] = ()):
        self._app = app
        self._origins = frozenset(cors_origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or refuses it before any of its body is read."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        template, rule = row_for(scope["method"], scope["path"])
        state = scope.setdefault("state", {})
        state["route"] = template
        if rule is not None and rule.role is None:
            await self._app(scope, receive, send)
            return
        try:
            access = _access_of(scope)
            caller = self._admitted(scope, rule, access.door)
        except TuqianError as error:
            await problem_response(error)(scope, receive, send)
            return
        state["caller"] = caller
        if caller.key_id:
            _sign(scope, caller.name)
        if rule is not None and rule.action and not _is_rehearsal(scope):
            send = _audited(scope, caller, rule.action, access.audit, send)
        await self._app(scope, receive, send)

    def _admitted(self, scope: Scope, rule: Rule | None, door: Door) -> Caller:
        """The caller; raises `UnauthenticatedError`, `ForbiddenError` and what the door raises."""
        headers = Headers(scope=scope)
        token = _token(headers)
        if token:
            caller = door.with_token(token)
        else:
            caller = door.without_token(from_here=_from_here(headers))
            self._check_origin(scope["method"], headers)
        needed = Role.ADMIN if rule is None or rule.role is None else rule.role
        if caller.role < needed:
            if rule is None:  # most likely a typing error, and nothing is given away by saying so
                raise NoSuchPageError(f"没有 {scope['path'][:200]} 这个地址")
            raise _too_little(caller, needed)
        return caller

    def _check_origin(self, method: str, headers: Headers) -> None:
        """Refuses a form that another site's page sends with nothing but our visitor's browser.

        A key is never sent by a browser of itself, so only callers without one are at risk.
        """
        origin = headers.get("origin")
        if method in SAFE_METHODS or origin is None or origin in self._origins:
            return
        # An origin is a scheme and what stands in `Host`, without a path ("null" has neither).
        if origin.lower().partition("://")[2] != headers.get("host", "").lower():
            raise ForbiddenError(
                f"不接受来自网页 {origin[:200]} 的请求",
                field="Origin",
                remedy="把该来源加入 TUQIAN_CORS_ORIGINS，或使用密钥。",
            )


def caller_of(request: Request) -> Caller:
    """Who makes this request; nobody special where no door stands before the application."""
    return getattr(request.state, "caller", Caller(Role.ADMIN))


def require(request: Request, role: Role) -> None:
    """Raises `ForbiddenError` where what a body asks for takes more than its route does."""
    caller = caller_of(request)
    if caller.role < role:
        raise _too_little(caller, role)


def _too_little(caller: Caller, needed: Role) -> ForbiddenError:
    who = f"密钥 {caller.name} 的角色" if caller.key_id else "不带密钥的调用者的角色"
    return ForbiddenError(f"{who}是 {caller.role.word}，这里需要 {needed.word}")


def _access_of(scope: Scope) -> Access:
    access = getattr(getattr(scope["app"].state, "service", None), "access", None)
    if not isinstance(access, Access):
        raise NotReadyError("模型与词表尚未加载完成")
    return access


def _token(headers: Headers) -> str:
    given = headers.get("authorization", "")
    if given.lower().startswith(BEARER):
        return given[len(BEARER) :].strip()
    return headers.get("x-api-key", "").strip()


def _from_here(headers: Headers) -> bool:
    """Whether the request was made on this machine, for this machine.

    A proxy brings strangers to loopback, and says so in a header. A page of a stranger can make
    its own name mean 127.0.0.1 and then speak to us from our visitor's browser ("DNS rebinding"),
    but what it asks for is still its own name.
    """
    if any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip")):
        return False
    host = PORT.sub("", headers.get("host", ""))
    # A name without a dot is one of this network's, which no stranger's page can have.
    return is_loopback(host) or re.fullmatch(r"[A-Za-z0-9_-]*", host) is not None


def _sign(scope: Scope, name: str) -> None:
    """Makes the key's name the author, whatever the caller says of itself."""
    others = [pair for pair in scope["headers"] if pair[0].lower() != b"x-author"]
    scope["headers"] = [*others, (b"x-author", quote(name).encode())]


def _is_rehearsal(scope: Scope) -> bool:
    asked = parse_qs(scope["query_string"].decode("latin-1")).get("dry_run", [""])[-1]
    return asked.lower() in ("true", "1", "yes", "on", "t", "y")


def _audited(scope: Scope, caller: Caller, action: str, audit: AuditLog, send: Send) -> Send:
    """Writes down what succeeded before the caller hears of it."""

    async def audited(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] < 400:
            headers = Headers(raw=message["headers"])
            deed = Deed(
                actor=caller.name or _said(scope),
                key_id=caller.key_id,
                action=action,
                target=scope["path"],
                revision=_revision(scope["path"], headers.get("etag", "")),
                request_id=REQUEST_ID.get(),
            )
            try:
                await asyncio.to_thread(audit.write, deed)
            except Exception:  # the change is made; not saying so would be the greater wrong
                log.exception("a change could not be written to the audit")
        await send(message)

    return audited


def _said(scope: Scope) -> str:
    author = Headers(scope=scope).get("x-author", "")
    return unquote(author.encode("latin-1", "replace").decode("utf-8", "replace"))


def _revision(path: str, etag: str) -> int | None:
    number = etag.strip('"')
    return int(number) if path.startswith("/v1/vocabulary") and number.isdigit() else None
