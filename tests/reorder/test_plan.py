"""The search against all orders there are."""

from __future__ import annotations

from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from fastbuild.reorder.plan import MOVE, Item, best_order, expected

COMMITS = 8
Problem = tuple[list[Item], list[tuple[int, int]], int]


@st.composite
def problems(draw: st.DrawFn, most: int = 6) -> Problem:
    """Items, edges that go forwards, and the bits of the base."""
    count = draw(st.integers(1, most))
    bits = st.integers(0, (1 << COMMITS) - 1)
    items = [Item(seconds=draw(st.integers(0, 40)) / 4, changes=draw(bits)) for _ in range(count)]
    pairs = [(i, j) for j in range(count) for i in range(j)]
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return items, edges, draw(bits)


def keeps(order: tuple[int, ...], edges: list[tuple[int, int]]) -> bool:
    return all(order.index(first) < order.index(second) for first, second in edges)


def swapped(order: tuple[int, ...]) -> int:
    return sum(order[i] > order[j] for j in range(len(order)) for i in range(j))


@settings(deadline=None)
@given(problems())
def test_no_allowed_order_costs_less(problem: Problem) -> None:
    items, edges, before = problem
    found = best_order(items, edges, COMMITS, before)

    def cost(order: tuple[int, ...]) -> float:
        return expected(items, order, COMMITS, before) + MOVE * swapped(order)

    best = min(cost(order) for order in permutations(range(len(items))) if keeps(order, edges))
    assert keeps(found.positions, edges)
    assert found.exact
    assert abs(cost(found.positions) - best) < 1e-9


@settings(deadline=None)
@given(problems(9))
def test_a_best_order_stays_when_it_is_ordered_again(problem: Problem) -> None:
    items, edges, before = problem
    first = best_order(items, edges, COMMITS, before).positions
    place = {at: position for position, at in enumerate(first)}
    again = best_order(
        [items[at] for at in first], [(place[a], place[b]) for a, b in edges], COMMITS, before
    ).positions
    assert expected([items[at] for at in first], again, COMMITS, before) >= (
        expected(items, first, COMMITS, before) - 1e-9
    )
    assert again == tuple(range(len(items)))


@settings(deadline=None)
@given(problems(8))
def test_a_search_that_is_cut_short_says_so_and_keeps_the_edges(problem: Problem) -> None:
    items, edges, before = problem
    found = best_order(items, edges, COMMITS, before, states=1)
    assert sorted(found.positions) == list(range(len(items)))
    assert keeps(found.positions, edges)
    if not found.exact:
        assert best_order(items, edges, COMMITS, before).exact


def test_equal_orders_keep_the_one_that_is_written() -> None:
    items = [Item(seconds=1, changes=0b1), Item(seconds=1, changes=0b1), Item(seconds=0, changes=0)]
    assert best_order(items, [], COMMITS).positions == (0, 1, 2)
