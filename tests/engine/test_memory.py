"""Memory that runs out is one line that says where, how much, and what to do."""

import resource
import subprocess
import sys
import textwrap

import pytest
import torch

from avatar_kit.config import CheckpointConfig
from avatar_kit.engine.memory import buildable, elsewhere, enough_memory
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError, out_of_memory

#: As torch says it, from an H200.
OF_GPU = torch.OutOfMemoryError(
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 139.81 GiB of "
    "which 4.50 GiB is free. Process 1 has 135.30 GiB memory in use."
)
OF_CPU = RuntimeError(
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: "
    "you tried to allocate 4294967296 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OF_GPU, "the GPU ran out of memory (20.00 GiB asked for)"),
        (OF_CPU, "this machine ran out of memory (4.00 GiB asked for)"),
        (MemoryError(), "this machine ran out of memory"),
        (
            MemoryError("Unable to allocate 7.45 GiB for an array with shape (1000000000,)"),
            "this machine ran out of memory (7.45 GiB asked for)",
        ),
        (RuntimeError("Failed to allocate 1024 bytes on device 'cuda:0'"), "the GPU ran out of"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), "the GPU ran out of memory"),
        (RuntimeError("size mismatch"), ""),
        (ValueError("out of memory"), ""),
    ],
)
def test_what_is_said_of_an_error(error, said):
    found = out_of_memory(error)
    assert found.startswith(said) and bool(found) == bool(said)


def test_the_errors_of_the_libraries_themselves():
    """Not texts that we wrote down: what torch and NumPy raise here."""
    import numpy as np

    asked = "1048576.00 GiB asked for"
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**50, dtype=torch.uint8)
    assert asked in out_of_memory(caught.value)
    with pytest.raises(MemoryError) as caught:
        np.empty(2**60, dtype=np.uint8)
    assert "1.00 EiB asked for" in out_of_memory(caught.value)


def failing(training, error, at=1):
    """The training, a step of which raises an error."""
    step_of = training.method.training_step

    def step(batch, number):
        if number == at:
            raise error
        return step_of(batch, number)

    training.method.training_step = step
    return training


@pytest.mark.parametrize("error", [OF_GPU, OF_CPU, MemoryError()])
def test_a_step_names_the_last_checkpoint_and_what_to_change(error, training):
    every = CheckpointConfig(every=1)
    config = training.config.model_copy(update={"checkpoint": every, "batch_size": 4})
    training.config = config
    with pytest.raises(UserError) as caught:
        train(failing(training, error), Progress())
    said, root = str(caught.value), training.run.root
    assert f"{root}: step 2: {out_of_memory(error)}. " in said and "\n" not in said
    assert "batch_size below 4 or size below 64" in said
    assert f"The last checkpoint is {root}/checkpoints/step-000001; " in said
    assert f"avatar-kit train --resume {root}" in said


def test_before_the_first_checkpoint_nothing_can_be_resumed(training):
    with pytest.raises(UserError, match="No checkpoint was written yet"):
        train(failing(training, OF_GPU), Progress())


def test_other_errors_keep_their_traceback(training):
    with pytest.raises(RuntimeError, match="size mismatch"):
        train(failing(training, RuntimeError("size mismatch")), Progress())


def test_a_rendering_says_which_frame_and_how_else():
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    said = r"frame 7: the GPU ran out of memory .* --device cpu"
    with pytest.raises(UserError, match=said), enough_memory("frame 7", elsewhere(gpu)):
        raise OF_GPU
    assert "--device" not in elsewhere(cpu)


def test_sizes_that_no_machine_has():
    with pytest.raises(UserError, match="no machine has enough memory"), buildable("anr"):
        torch.empty(2**40, 2**40)


CHILD = """
import resource, sys
from avatar_kit.api.training import _config
from avatar_kit.config.layers import nested
from avatar_kit.engine.progress import Progress
from avatar_kit.engine.starting import start
from avatar_kit.engine.trainer import train
from avatar_kit.errors import UserError

values = nested({VALUES})
training = start(_config("anr", {CAPTURE!r}, "demo", values), None)

class Tight(Progress):
    def saved(self, *told): pass
    def report(self, step, *told):
        if step == 2:  # from here on nothing more can be had
            pages = int(open("/proc/self/statm").read().split()[0])
            limit = pages * resource.getpagesize() + (8 << 20)
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    train(training, Tight())
except UserError as error:
    print("SAID", error)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(resource, "RLIMIT_AS"), reason="no limits of memory here")
def test_a_process_whose_memory_really_ends(capture_folder, tmp_path):
    values = {
        "size": 512, "steps": 9, "batch_size": 4, "report_every": 1, "checkpoint.every": 1,
        "loss": {"feature": 0.0, "adversarial": 0.0}, "device": "cpu",
    }  # fmt: skip
    code = textwrap.dedent(CHILD).replace("{VALUES}", repr(values))
    code = code.replace("{CAPTURE!r}", repr(str(capture_folder)))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert "SAID" in done.stdout, done.stderr[-2000:]
    said = done.stdout.partition("SAID ")[2]
    assert "this machine ran out of memory" in said and "step-000001" in said
    assert "batch_size below 4 or size below 512" in said
