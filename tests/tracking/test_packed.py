"""Compressed masks are those that went in, however they are taken out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from avatar_kit.tracking.packed import PackedMasks

STACKS = st.tuples(*[st.integers(1, 6)] * 3).flatmap(lambda shape: arrays(np.uint8, shape))


@given(stack=STACKS, data=st.data())
def test_what_goes_in_comes_out(stack, data):
    packed = PackedMasks.of(stack)
    again = PackedMasks.from_arrays(packed.arrays())
    first, last = (data.draw(st.integers(-7, 7)) for _ in range(2))
    some = np.array(data.draw(st.lists(st.integers(0, len(stack) - 1))), int)
    chosen = np.array(data.draw(st.lists(st.booleans(), min_size=len(stack), max_size=len(stack))))
    for masks in (packed, again):
        assert masks.shape == stack.shape and len(masks) == len(stack)
        np.testing.assert_array_equal(np.stack(list(masks)), stack)
        np.testing.assert_array_equal(masks[-1], stack[-1])
        for frames in (slice(first, last), slice(None, None, 2), some, chosen):
            np.testing.assert_array_equal(masks[frames], stack[frames])
            assert masks.at(frames).shape == stack[frames].shape
            np.testing.assert_array_equal(masks.at(frames)[:], stack[frames])


def test_no_masks_are_none():
    assert len(PackedMasks.from_arrays(PackedMasks().arrays())) == 0


def test_a_mask_of_another_size_or_kind_is_refused():
    masks = PackedMasks.of(np.zeros((2, 4, 5), np.uint8))
    for other in (np.zeros((5, 4), np.uint8), np.zeros((4, 5), bool), np.zeros((4, 5))):
        with pytest.raises(ValueError, match="among masks"):
            masks.append(other)
    assert len(masks) == 2
