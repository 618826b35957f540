"""Two processes do not train in one run folder."""

import subprocess
import sys

import pytest

from avatar_kit.engine.claim import check_unclaimed, claimed
from avatar_kit.engine.run import RunFolder, folder_name
from avatar_kit.errors import UserError

HOLDER = """
import sys, time
from pathlib import Path
from avatar_kit.engine.claim import claimed
with claimed(Path(sys.argv[1])):
    print("here", flush=True)
    time.sleep(60)
"""


def test_another_process_is_named_and_its_death_frees_the_folder(tmp_path):
    words = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout.readline() == "here\n"
            named = rf"process {holder.pid} on .* is training here; wait for it"
            with pytest.raises(UserError, match=named), claimed(tmp_path):
                pass
            with pytest.raises(UserError, match=named):
                check_unclaimed(tmp_path)
        finally:
            holder.kill()
    check_unclaimed(tmp_path)
    with claimed(tmp_path):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [".training.lock"]


def test_what_was_not_claimed_is_left_as_it_is(tmp_path):
    check_unclaimed(tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["..", ".", "../../etc", "a/b", ".hidden", "", "-rf", "x" * 999])
def test_no_name_leads_out_of_the_folder(name, tmp_path):
    run = RunFolder(tmp_path / "run")
    person = run.person(name)
    assert person.resolve().parent == (run.root / "people").resolve()
    assert RunFolder.default_path("ram", name).parent.name == "runs"
    assert folder_name("studio-ada") == "studio-ada"
