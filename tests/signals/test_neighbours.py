"""The memory of known utterances says what those nearest to a turn were labelled."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from signals.neighbours import Memory, Neighbours, memorize

HEAPS, EACH, SIZE = 3, 20, 16


def heaps(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit vectors around three far points, float32 (60, 16), and the heap of each."""
    numbers = np.random.default_rng(seed)
    vectors = np.repeat(np.eye(SIZE)[:HEAPS], EACH, axis=0) + numbers.normal(0, 0.05, (HEAPS * EACH, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32), np.arange(
        HEAPS * EACH
    ) // EACH


def memory_of(vectors: np.ndarray, heap: np.ndarray) -> Memory:
    return memorize(vectors, heap[:, None] == np.arange(HEAPS), axes=8, evenness=0.25)


@given(st.integers(0, 1000))
def test_a_turn_gets_the_label_of_the_heap_it_lies_in(seed: int) -> None:
    vectors, heap = heaps(seed)
    unseen, places = heaps(seed + 1)
    logits = Neighbours(memory_of(vectors, heap)).logits(unseen)
    assert logits.shape == (len(unseen), 2, HEAPS)
    assert (logits.argmax(axis=2) == places[:, None]).all()


def test_the_order_of_what_is_known_changes_nothing() -> None:
    vectors, heap = heaps(7)
    memory = memory_of(vectors, heap)
    turned = Memory(
        centre=memory.centre, axes=memory.axes, places=memory.places[::-1].copy(), labels=memory.labels[::-1].copy()
    )
    asked, _ = heaps(8)
    np.testing.assert_allclose(Neighbours(memory).logits(asked), Neighbours(turned).logits(asked), atol=1e-4)


def test_a_turn_between_two_heaps_is_given_to_both_and_a_small_memory_answers_too() -> None:
    vectors, heap = heaps(3)
    few = np.concatenate([np.flatnonzero(heap == one)[:2] for one in range(HEAPS)])
    between = (vectors[0] + vectors[EACH]) / np.linalg.norm(vectors[0] + vectors[EACH])
    logits = Neighbours(memory_of(vectors[few], heap[few])).logits(between[None])
    assert (logits[0, :, :2] > logits[0, :, 2:]).all()


def test_a_label_that_no_neighbour_has_is_unlikely_but_never_impossible() -> None:
    vectors, heap = heaps(5)
    logits = Neighbours(memory_of(vectors, heap)).logits(vectors)
    assert np.isfinite(logits).all()
    assert (logits[heap == 0, 0, 2] < -3).all()
