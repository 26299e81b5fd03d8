"""What a request with many images costs its key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus

from fastapi import Request

from app.api.access import caller_of
from app.api.context import service_of
from app.api.problems import problem_of
from app.errors import TuqianError


@contextmanager
def charged(request: Request, images: int, *, paced: bool = True) -> Iterator[Callable[[], None]]:
    """Counts a request's images; the first was counted at the door.

    Raises `QuotaExhaustedError`. Where the service then does not do its part, and where what is
    yielded is called, only the first counts; a caller who leaves has them all counted. What is not
    `paced` counts towards the day and not towards the rate.
    """
    door, caller = service_of(request).access.door, caller_of(request)
    give_back = partial(door.give_back, caller, images - 1, paced=paced)
    door.charge(caller, images - 1, paced=paced)
    try:
        yield give_back
    except TuqianError as error:
        if problem_of(error)["status"] >= HTTPStatus.INTERNAL_SERVER_ERROR:
            give_back()
        raise
