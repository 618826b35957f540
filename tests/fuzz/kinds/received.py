"""What comes over the network while an avatar is driven live."""

from __future__ import annotations

from pathlib import Path
from random import Random

from tests.fuzz import mutation
from tests.fuzz.damage import Case
from tests.fuzz.world import World


def packet(random: Random, world: World, folder: Path) -> Case:
    """Packets of another program: poses (VMC) or a face (Live Link Face)."""
    protocol = random.choice(list(world.packets))
    sent = [p if random.random() < 0.3 else mutation.octets(random, p)
            for p in world.packets[protocol]]  # fmt: skip

    def read() -> None:
        from avatar_kit.errors import UserError
        from avatar_kit.live.live_link import FaceReader
        from avatar_kit.live.vmc_reader import VmcReader

        reader = VmcReader() if protocol == "vmc" else FaceReader(head=True)
        refused = []
        for one in sent:
            try:
                reader.take(one)
                reader.newest(0.0)
            except ValueError as error:  # what the process that receives says and goes on from
                refused.append(str(error))
        if refused:
            raise UserError(refused[0])

    return read
