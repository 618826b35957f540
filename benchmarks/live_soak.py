"""A long live session: does memory stay, does the latency?

python benchmarks/live_soak.py RUN --camera clip.mp4 --performer me.json --out soak.json

Starts ``avatar-kit live`` on the clip, opens its page in Chromium, and notes every ten seconds what
the page says and how much memory every process of the session holds (RSS, MiB).
"""

import argparse
import asyncio
import json
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browsing import Browser

EVERY_SECONDS = 10
_FIGURES = "document.getElementById('figures').innerText"


def memory(process: int) -> dict[int, float]:
    """RSS in MiB of a process and its children, by number."""
    found, waiting = {}, [process]
    while waiting:
        number = waiting.pop()
        folder = Path("/proc") / str(number)
        try:
            status = (folder / "status").read_text()
            children = (folder / "task" / str(number) / "children").read_text()
        except OSError:
            continue
        if held := re.search(r"VmRSS:\s+(\d+)", status):
            found[number] = int(held[1]) / 1024
        waiting += [int(child) for child in children.split()]
    return found


async def soak(arguments: argparse.Namespace) -> list[dict]:
    """What was noted, a record every ten seconds."""
    command = ["live", arguments.run, "--camera", arguments.camera, "--performer"]
    options = [arguments.performer, "--no-browser", "--port", "0"]
    session = subprocess.Popen(
        [sys.executable, "-m", "avatar_kit.cli.main", *command, *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert session.stdout is not None
    address = ""
    for line in session.stdout:
        if found := re.search(r"page +(\S+)", line):
            address = found[1]
        if "Ctrl-C" in line:
            break
    records: list[dict] = []
    async with Browser(address) as browser:
        try:
            await browser.until(f"/latency [0-9]+ ms/.test({_FIGURES})", 400)
            began = time.monotonic()
            while time.monotonic() - began < arguments.seconds:
                await asyncio.sleep(EVERY_SECONDS)
                said = str(await browser.value(_FIGURES))
                held = memory(session.pid)
                latency = re.search(r"latency (\d+) ms", said)
                rate = re.search(r"([\d.]+) (?:frames|pictures)/s", said)
                records.append(
                    {
                        "seconds": round(time.monotonic() - began),
                        "latency_ms": int(latency[1]) if latency else None,
                        "pictures_per_second": float(rate[1]) if rate else None,
                        "rss_mib": [round(v) for _, v in sorted(held.items())],
                        "page": said,
                    }
                )
                print(records[-1], flush=True)
        finally:
            session.terminate()
            session.wait(60)
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--camera", required=True)
    parser.add_argument("--performer", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    records = asyncio.run(soak(arguments))
    table = Table("part", "latency, ms", "pictures/s", "memory, MiB")
    part = max(1, len(records) // 5)
    for k in range(0, len(records), part):
        some = records[k : k + part]
        known = [r["latency_ms"] for r in some if r["latency_ms"] is not None]
        rates = [r["pictures_per_second"] for r in some if r["pictures_per_second"] is not None]
        held = [statistics.median(v) for v in zip(*(r["rss_mib"] for r in some), strict=False)]
        table.add_row(
            f"{some[0]['seconds']} to {some[-1]['seconds']} s",
            f"{statistics.median(known):.0f}" if known else "n/a",
            f"{statistics.median(rates):.1f}" if rates else "n/a",
            " + ".join(f"{v:.0f}" for v in held) + f" = {sum(held):.0f}",
        )
    Console().print(table)
    if arguments.out:
        arguments.out.write_text(json.dumps(records, indent=1))


if __name__ == "__main__":
    main()
