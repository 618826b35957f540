"""OSC packets, written by another library, read by ours."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder
from pythonosc.osc_message_builder import OscMessageBuilder

from avatar_kit.io.vmc.osc import Message, messages

VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    st.booleans(),
)


def built(address: str, values=()):
    made = OscMessageBuilder(address)
    for value in values:
        made.add_arg(value)
    return made.build()


def bundled(*contents):
    made = OscBundleBuilder(IMMEDIATELY)
    for content in contents:
        made.add_content(content)
    return made.build()


@given(st.lists(st.tuples(st.sampled_from(["/a", "/VMC/Ext/T"]), st.lists(VALUES)), max_size=5))
def test_what_another_library_wrote_is_read(said):
    packet = bundled(*(built(*one) for one in said)).dgram
    assert list(messages(packet)) == [Message(a, tuple(values)) for a, values in said]


def test_a_message_alone_and_bundles_in_bundles_are_read():
    one = built("/a", [1, 2.5, "three"])
    assert list(messages(one.dgram)) == [Message("/a", (1, 2.5, "three"))]
    nested = bundled(bundled(one), built("/b"))
    assert [m.address for m in messages(nested.dgram)] == ["/a", "/b"]
    deep = one
    for _ in range(6):
        deep = bundled(deep)
    with pytest.raises(ValueError, match="within bundles"):
        list(messages(deep.dgram))


@given(st.data())
def test_every_cut_is_noticed(data):
    packet = bundled(built("/VMC/Ext/T", [1.5]), built("/b", ["text", 2.5, 7])).dgram
    cut = data.draw(st.integers(0, len(packet) - 1))
    whole = len(bundled(built("/VMC/Ext/T", [1.5])).dgram)
    if cut in (16, whole):  # a bundle that ends with a message is whole
        return
    with pytest.raises(ValueError):
        list(messages(packet[:cut]))


@given(st.binary(max_size=300), st.booleans())
def test_noise_is_refused_or_read_and_never_more(noise, bundle):
    packet = b"#bundle\0" + bytes(8) + noise if bundle else noise
    try:
        for message in messages(packet):
            assert message.address.startswith("/")
    except ValueError as error:
        assert str(error)


def test_sizes_below_zero_are_refused():
    with pytest.raises(ValueError, match="cut short"):
        list(messages(b"#bundle\0" + bytes(8) + struct.pack(">i", -4)))
