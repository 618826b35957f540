"""Two processes do not train in one run folder."""

import gc
import subprocess
import sys

import pytest

from avatar_kit.engine.claim import Claim
from avatar_kit.engine.run import RunFolder, folder_name
from avatar_kit.errors import UserError

HOLDER = """
import sys, time
from pathlib import Path
from avatar_kit.engine.claim import Claim
with Claim(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(60)
"""


def test_another_process_is_named_and_its_death_frees_the_folder(tmp_path):
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "here\n"
            named = rf"process {holder.pid} on .* is training here; wait for it"
            with pytest.raises(UserError, match=named):
                Claim(tmp_path).acquire()
        finally:
            holder.kill()
    with Claim(tmp_path) as claim:
        claim.acquire()  # it holds the folder already
        with pytest.raises(UserError, match="is training here"):
            Claim(tmp_path).acquire()
    assert [path.name for path in tmp_path.iterdir()] == [".training.lock"]


def test_a_lock_that_cannot_be_opened_is_one_line(tmp_path):
    lock = tmp_path / ".training.lock"
    lock.symlink_to(lock)
    with pytest.raises(UserError, match=r"training\.lock: cannot be locked: its links lead in a"):
        Claim(tmp_path).acquire()
    lock.unlink()
    lock.mkdir()
    with pytest.raises(UserError, match=r"training\.lock: cannot be locked: it is a folder"):
        Claim(tmp_path).acquire()


def test_a_claim_that_is_lost_is_given_back(tmp_path):
    Claim(tmp_path).acquire()
    gc.collect()
    with Claim(tmp_path):
        pass


@pytest.mark.parametrize("name", ["..", ".", "../../etc", "a/b", ".hidden", "", "-rf", "x" * 999])
def test_no_name_leads_out_of_the_folder(name, tmp_path):
    run = RunFolder(tmp_path / "run")
    person = run.person(name)
    assert person.resolve().parent == (run.root / "people").resolve()
    assert RunFolder.default_path("ram", name).parent.name == "runs"
    assert folder_name("studio-ada") == "studio-ada"
