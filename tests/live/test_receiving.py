"""The process that receives, with real packets over UDP."""

import contextlib
import multiprocessing
import socket
import threading
import time

import pytest

from avatar_kit.errors import UserError
from avatar_kit.live.address import Address
from avatar_kit.live.messages import Calibrated, Face, Order, Pose, Received, Said, Started
from avatar_kit.live.packets import LARGEST_PACKET, PacketSource
from avatar_kit.live.performer import Performer
from avatar_kit.live.receiving import Receiver, ReceiveSettings
from avatar_kit.live.vmc import packets
from avatar_kit.scene import Motion
from tests.live.test_live_link import packet as face_packet
from tests.live.test_vmc_reader import AT_REST, HIPS, ROOT
from tests.live.test_vmc_reader import packet as vmc_packet

SELF = Performer(body="stick", shape={}, height=1.6, pelvis=0.8).model_dump_json()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        asked.bind(("127.0.0.1", 0))
        return asked.getsockname()[1]


class Session:
    """The loop of the process, on a thread, and a sender."""

    def __init__(self, scheme: str, **settings):
        self.address = Address(scheme, "127.0.0.1", free_port())
        self.link, other = multiprocessing.Pipe()
        self.source = PacketSource(self.address)
        made = Receiver(other, self.source, ReceiveSettings(self.address, **settings))
        self.thread = threading.Thread(target=made.run, daemon=True)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.thread.start()
        assert isinstance(self.link.recv(), Started)

    def send(self, *packets: bytes) -> None:
        for one in packets:
            self.out.sendto(one, (self.address.host, self.address.port))

    def told(self, kind, until=lambda message: True):
        """The next message of a kind that a condition holds for."""
        while self.link.poll(10):
            message = self.link.recv()
            if isinstance(message, kind) and until(message):
                return message
        raise AssertionError(f"no {kind.__name__} came")


@pytest.fixture
def session():
    with contextlib.ExitStack() as stack:

        def start(scheme, **settings):
            made = Session(scheme, **settings)

            def end():
                made.link.send(Order("end"))
                made.thread.join(5)
                made.source.close()
                made.out.close()
                assert not made.thread.is_alive()

            stack.callback(end)
            return made

        yield start


def test_a_pose_in_many_packets_is_handed_on_whole(session):
    live = session("vmc", performer=SELF)
    pose = Motion.rest(1)
    pose.body_pose[0, 30] = 0.5
    live.send(*packets(pose, 0.0))
    received = live.told(Received)
    assert isinstance(received.new, Pose) and received.new.new and received.refused == 0
    assert received.new.motion(25.0).body_pose[0, 30] == pytest.approx(0.5, abs=1e-6)
    assert abs(received.new.time - time.monotonic()) < 5


def test_poses_come_at_most_as_often_as_they_are_drawn_and_the_newest_counts(session):
    live = session("vmc", performer=SELF, fps=10.0)
    began, last = time.monotonic(), Motion.rest(1)
    for number in range(80):
        last.transl[0, 1] = 0.01 * number
        live.send(*packets(last, 0.0))
        time.sleep(0.01)
    seconds, found = time.monotonic() - began, []
    while not found or found[-1].new.values["transl"][0, 1] < 0.78:
        found.append(live.told(Received))
    assert 3 <= len(found) <= 10 * seconds + 3
    heights = [r.new.values["transl"][0, 1] for r in found]
    assert heights == sorted(heights) and sum(r.dropped for r in found) > 10


def test_what_makes_no_sense_is_counted_and_said_once_in_a_while(session):
    live = session("vmc", performer=SELF)
    live.send(*[b"rubbish"] * 20)
    said = live.told(Said)
    assert said.wrong and "packet refused: no OSC:" in said.text
    assert str(live.address) in said.text and "keeps its last pose" in said.text
    count = 0
    while count < 20:
        received = live.told(Received)
        assert received.new is None
        count += received.refused
    assert count == 20
    live.send(vmc_packet(ROOT, HIPS))
    assert live.told(Received).new is not None
    live.send(b"x" * (LARGEST_PACKET + 1))
    assert live.told(Received).refused == 1, "and not said again so soon"
    assert not live.link.poll()


def test_a_pose_without_a_root_is_refused(session):
    live = session("vmc", performer=SELF)
    live.send(vmc_packet(HIPS))
    assert "a pose without /VMC/Ext/Root/Pos" in live.told(Said).text


def test_steps_become_those_of_the_avatars_legs(session):
    live = session("vmc", performer=SELF, leg=0.9)
    bones = [
        ("/VMC/Ext/Bone/Pos", f"{side}{bone}", 0.0, -length, 0.0, *AT_REST[3:])
        for side in ("Left", "Right")
        for bone, length in (("LowerLeg", 0.25), ("Foot", 0.2))
    ]
    live.send(vmc_packet(ROOT, HIPS, *bones))
    scaled = Performer.model_validate_json(live.told(Calibrated).performer)
    assert (scaled.height, scaled.pelvis) == pytest.approx((0.8, 0.4)), "half as large"
    assert "scaled by 2.00" in live.told(Said).text
    assert live.told(Received).new is not None, "the pose comes after its size"


def test_a_face_comes_with_its_head_where_nothing_else_drives(session):
    for head in (True, False):
        live = session("livelink", head=head)
        live.send(face_packet({"JawOpen": 0.5, "HeadYaw": 0.3}))
        face = live.told(Received).new
        assert isinstance(face, Face) and (face.head is not None) is head


def test_one_machine_at_a_time():
    source = PacketSource(Address("vmc", "127.0.0.1", free_port()))
    assert source._accepts(b"x", "10.0.0.1") and source._accepts(b"x", "10.0.0.1")
    assert not source._accepts(b"x", "10.0.0.2")
    assert source.refused == ["10.0.0.2 also sends, but 10.0.0.1 drives"]
    source.came -= 5
    assert source._accepts(b"x", "10.0.0.2"), "the first is silent"
    source.close()


def test_a_port_that_is_taken_is_said_and_ends_the_process():
    taken = PacketSource(Address("vmc", "127.0.0.1", free_port()))
    address = Address("vmc", *taken._socket.getsockname())
    with pytest.raises(UserError, match=f"--receive {address}: cannot listen there"):
        PacketSource(address)
    taken.close()
