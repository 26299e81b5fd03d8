from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vocab.hierarchy import find_cycle

graphs = st.dictionaries(
    st.integers(0, 6).map(str), st.lists(st.integers(0, 6).map(str), max_size=3), max_size=7
)


@given(graphs)
def test_a_cycle_is_found_exactly_when_there_is_one(graph: dict[str, list[str]]) -> None:
    def parents(tag_id: str) -> list[str]:
        return graph.get(tag_id, [])

    # Plain reachability: who can be reached from each tag in one step or more.
    reached = {tag_id: set(parents(tag_id)) for tag_id in graph}
    for _ in graph:
        for ancestors in reached.values():
            ancestors |= {far for near in tuple(ancestors) for far in reached.get(near, ())}
    expected = any(tag_id in ancestors for tag_id, ancestors in reached.items())
    path = find_cycle(graph, parents)
    assert (path is not None) == expected
    if path is not None:
        assert path[0] == path[-1]
        assert all(above in parents(below) for below, above in pairwise(path))


def test_a_chain_of_a_hundred_thousand_is_no_problem() -> None:
    assert find_cycle(["0"], lambda i: [str(int(i) + 1)] if int(i) < 100_000 else []) is None
