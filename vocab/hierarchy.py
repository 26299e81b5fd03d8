"""Parents and children: no tag is its own ancestor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence


def find_cycle(
    starts: Iterable[str], parents_of: Callable[[str], Sequence[str]]
) -> tuple[str, ...] | None:
    """The ids along a cycle reached from `starts` by going to parents, the first one repeated at
    the end; `None` where there is none. Each tag is visited once, however deep they are stacked.
    """
    finished: set[str] = set()
    for start in starts:
        path: list[str] = []
        on_path: set[str] = set()
        waiting: list[tuple[str, bool]] = [(start, False)]
        while waiting:
            tag_id, leaving = waiting.pop()
            if leaving:
                path.pop()
                on_path.discard(tag_id)
                finished.add(tag_id)
            elif tag_id in on_path:
                return (*path[path.index(tag_id) :], tag_id)
            elif tag_id not in finished:
                path.append(tag_id)
                on_path.add(tag_id)
                waiting.append((tag_id, True))
                waiting.extend((parent, False) for parent in parents_of(tag_id))
    return None
