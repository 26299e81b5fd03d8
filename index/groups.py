"""Groups of stored images that are one picture, and which of each to keep."""

from __future__ import annotations

from dataclasses import dataclass

from index.collection import ImageCollection
from index.duplicates import Duplicate
from index.images import StoredImage

# Images looked at in one call: each is compared with its neighbours, so a call stays bounded.
IMAGES_AT_ONCE = 200
MOST_IN_A_GROUP = 100


@dataclass(frozen=True)
class Group:
    """One picture: `members` oldest first, each beside the first with the verdict on it."""

    members: tuple[StoredImage, ...]
    verdicts: tuple[Duplicate, ...]
    keeper: StoredImage
    reason: str


@dataclass(frozen=True)
class GroupPage:
    """Some groups; `next` is where to go on, None at the end."""

    groups: tuple[Group, ...]
    next: int | None


def duplicate_groups(collection: ImageCollection, after: int, count: int) -> GroupPage:
    """Up to `count` groups whose oldest member has a number above `after`.

    A group is an image with its own copies, not a chain of neighbours: what is like a member
    but not like the first is not in it.
    """
    numbers = collection.store.numbers()
    waiting = numbers[numbers > after].tolist()
    groups: list[Group] = []
    for number in waiting[:IMAGES_AT_ONCE]:
        after = number
        if group := _group_of(collection, number):
            groups.append(group)
        if len(groups) == count:
            break
    more = bool(waiting) and after != waiting[-1]
    return GroupPage(tuple(groups), after if more else None)


def _group_of(collection: ImageCollection, number: int) -> Group | None:
    """The group that an image is the oldest of."""
    query = collection.stored_query(number)
    if query is None:
        return None
    same = [
        one
        for one in collection.duplicates(query, MOST_IN_A_GROUP)
        if one.tier != "similar" and one.number != number
    ]
    if not same or min(one.number for one in same) < number:
        return None
    same.sort(key=lambda one: one.number)
    loaded = collection.store.load([number, *(one.number for one in same)])
    verdicts = tuple(one for one in same if one.number in loaded)
    if number not in loaded or not verdicts:
        return None
    members = (loaded[number], *(loaded[one.number] for one in verdicts))
    keeper, reason = choose_keeper(members)
    return Group(members, verdicts, keeper, reason)


def choose_keeper(members: tuple[StoredImage, ...]) -> tuple[StoredImage, str]:
    """The member with most pixels, then most bytes, then the oldest; and why."""
    best = max(members, key=lambda one: (one.width * one.height, one.bytes, -one.number))
    rivals = [one for one in members if one is not best]
    if all(one.width * one.height < best.width * best.height for one in rivals):
        return best, f"像素最多（{best.width}×{best.height}）"
    if all(
        one.bytes < best.bytes or one.width * one.height < best.width * best.height
        for one in rivals
    ):
        return best, f"像素同样多，文件最大（{best.bytes} 字节），压缩损失可能最小"
    return best, "像素与文件大小相同，入库最早"
