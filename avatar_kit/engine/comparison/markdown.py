"""``report.md``: the figures as a person reads them."""

from __future__ import annotations

from typing import Any

from avatar_kit.engine.comparison.cells import NOT_BEGUN
from avatar_kit.engine.comparison.figures import efficiency

_BASELINES = {"nearest_frame": "nearest training frame", "mean_frame": "mean training frame"}
_REGIONS = {"full": "whole picture", "person": "person crop"}


def report(summary: dict[str, Any], pictures: dict[str, list[str]]) -> str:
    """The report.

    Args:
        summary: What :func:`~avatar_kit.engine.comparison.figures.summarise` gives.
        pictures: Capture -> names of its picture and video.
    """
    plan = summary["plan"]
    title = " against ".join(plan["contenders"]) if len(plan["contenders"]) < 4 else "Comparison"
    lines = [f"# {title}", "", *_setting(summary), ""]
    for split, tables in summary["splits"].items():
        lines += [f"## {heading(split, tables)}", "", _scope(tables), ""]
        for region, caption in _REGIONS.items():
            lines += [f"**{caption}**", "", *table(summary, tables["all"][region]), ""]
            lines += differences(summary, tables["all"][region])
    lines += ["## Cost", "", *_costs(summary), ""]
    if len(plan["captures"]) > 1:
        lines += _each_capture(summary)
    for capture, names in pictures.items():
        lines += [f"## Pictures: {capture}", "", f"![{capture}]({names[0]})", ""]
        lines += [f"[side by side]({name})" for name in names[1:]] + [""]
    return "\n".join([*lines, *_how(summary)]) + "\n"


def heading(split: str, tables: dict[str, Any]) -> str:
    """A split's name, and what of it no training has seen: ``large rotation (novel pose)``."""
    name, kinds = split.replace("_", " "), dict.fromkeys(filter(None, tables["novelty"].values()))
    return f"{name} ({' or '.join(kinds)})" if kinds else name


def table(summary: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    """Contenders and baselines as rows, metrics as columns; the best rank is bold."""
    about = summary["metrics"]
    head = [f"{name} {'↑' if about[name]['higher_is_better'] else '↓'}" for name in metrics]
    rows = dict.fromkeys([*summary["plan"]["contenders"], *_BASELINES])
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for name in rows:
        cells = [cell(found.get(name)) for found in metrics.values()]
        lines.append(f"| {_BASELINES.get(name, name)} | " + " | ".join(cells) + " |")
    return lines


def differences(summary: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    """What each contender adds to the first one; bold where the interval leaves out zero."""
    first, *others = summary["plan"]["contenders"]
    if not others:
        return []
    lines = [f"Difference to {first}:", "", "| | " + " | ".join(metrics) + " |"]
    lines.append("|---" * (len(metrics) + 1) + "|")
    for name in others:
        cells = [_difference(found.get(name)) for found in metrics.values()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return [*lines, ""]


def _difference(entry: dict[str, Any] | None) -> str:
    found = (entry or {}).get("difference")
    if entry is None or found is None:
        return "n/a"
    mean, low, high = (number(found[key], entry["mean"]) for key in ("mean", "low", "high"))
    sign = "+" if found["mean"] > 0 else ""
    clear = found["low"] > 0 or found["high"] < 0
    return f"{f'**{sign}{mean}**' if clear else sign + mean} [{low}, {high}]"


def cell(entry: dict[str, Any] | None) -> str:
    """``28.47 [28.31, 28.62] (1)``: mean, interval, rank."""
    if entry is None or entry["mean"] is None:
        return "n/a"
    mean = entry["mean"]
    text = f"**{number(mean, mean)}**" if entry.get("rank") == 1 else number(mean, mean)
    if "low" in entry:
        text += f" [{number(entry['low'], mean)}, {number(entry['high'], mean)}]"
    elif entry.get("spread") is not None:
        text += f" ± {number(entry['spread'], mean)}"
    return text + (f" ({entry['rank']})" if "rank" in entry else "")


def short(entry: dict[str, Any] | None) -> str:
    """``28.47 (1)``: mean and rank."""
    if entry is None or entry["mean"] is None:
        return "n/a"
    rank = f" ({entry['rank']})" if "rank" in entry else ""
    return f"{number(entry['mean'], entry['mean'])}{rank}"


def number(value: float, size: float) -> str:
    """Two decimals for figures like dB, four for small ones."""
    return f"{value:.{2 if abs(size) >= 10 else 4}f}"


def _setting(summary: dict[str, Any]) -> list[str]:
    plan = summary["plan"]
    done = sum("missing" not in training for training in summary["trainings"])
    missing = [t for t in summary["trainings"] if "missing" in t]
    named = f"Benchmark {plan['benchmark']}. " if plan["benchmark"] else ""
    lines = [
        f"{named}Captures: {', '.join(plan['captures'])}. Seeds: "
        f"{', '.join(map(str, plan['seeds']))}. {done} of {len(summary['trainings'])} trainings "
        f"are finished. Protocol `{summary['protocol']['hash']}`.",
        "",
        "Mean over captures and seeds, 95% interval over frames and seeds, rank. Methods with "
        "the same rank are tied: the interval of their difference contains zero. The best rank "
        "is bold.",
    ]
    if len(plan["seeds"]) == 1:
        lines[-1] += (
            " With one seed, the intervals cover only the variation between frames, not "
            "between trainings."
        )
    begun = [t for t in missing if t["missing"] != NOT_BEGUN]
    for training in begun:
        who = f"{training['contender']}, {training['capture']}, seed {training['seed']}"
        lines += ["", f"Missing: {who} ({training['missing']})."]
    if len(begun) < len(missing):
        lines += ["", f"Not started: {len(missing) - len(begun)} of the trainings."]
    return lines


def _scope(tables: dict[str, Any]) -> str:
    pictures = ", ".join(f"{n} of {name}" for name, n in tables["frames"].items())
    return f"Pictures: {pictures}."


def _costs(summary: dict[str, Any]) -> list[str]:
    names = list(summary["plan"]["contenders"])
    metric, distances = distances_of(summary)
    reference = next((n for n in names if n in distances), None)
    head = ["parameters", "steps", "training", "steps/s", "pose and render a frame"]
    if reference:
        head.append(f"rIPFIP against {reference}")
    lines = ["| | " + " | ".join(head) + " |", "|---" * (len(head) + 1) + "|"]
    for name in names:
        cost = summary["costs"][name]
        if not cost["seconds"]:
            lines.append(f"| {name} " + "| n/a " * len(head) + "|")
            continue
        pace = cost["milliseconds"]
        cells = [
            f"{cost['parameters'] / 1e6:.2f} M",
            f"{cost['steps']:.0f}",
            f"{cost['seconds'] / 60:.1f} min",
            f"{cost['steps'] / cost['seconds']:.2f}",
            "n/a" if pace is None else f"{pace:.0f} ms",
        ]
        if reference:
            cells.append(_efficiency(summary, distances, name, reference))
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    notes = [
        "Time in the training loop, on the machine that environment.json of each run names. "
        "Other work on that machine increases it."
    ]
    if reference:
        notes.append(
            f"rIPFIP (ANR, section 4.3) on {metric}, whole picture, first split: relative gain "
            "in distance times relative gain in parameters. The product of two losses is "
            "positive, so read it together with the distances."
        )
    return [*lines, "", *notes]


def distances_of(summary: dict[str, Any]) -> tuple[str, dict[str, float]]:
    """The perceptual metric that rIPFIP rests on, and its mean of each contender."""
    for tables in summary["splits"].values():
        for metric in ("lpips_alex", "st_lpips_alex"):
            found = tables["all"]["full"].get(metric, {})
            means = {n: e["mean"] for n, e in found.items() if not e.get("baseline")}
            if means:
                return metric, means
        break
    return "", {}


def _efficiency(
    summary: dict[str, Any], distances: dict[str, float], name: str, reference: str
) -> str:
    if name == reference:
        return "0 %"
    if name not in distances:
        return "n/a"
    of_reference = (distances[reference], summary["costs"][reference]["parameters"])
    share = efficiency(distances[name], summary["costs"][name]["parameters"], of_reference)
    return f"{100 * share:+.1f}%"


def _each_capture(summary: dict[str, Any]) -> list[str]:
    lines = ["## Each capture", ""]
    for split, tables in summary["splits"].items():
        for capture, regions in tables["captures"].items():
            lines += [f"**{capture}, {heading(split, tables)}**, whole picture", ""]
            lines += [*table(summary, regions["full"]), ""]
    return lines


def _how(summary: dict[str, Any]) -> list[str]:
    protocol = summary["protocol"]
    lines = ["## How this was measured", ""]
    if way := protocol["measured"]:
        frames = "all" if way["max_frames"] is None else way["max_frames"]
        lines.append(
            f"* Pictures {way['height']} pixels high, evaluation protocol {way['version']}, "
            f"background {way['background']}, test poses as tracked, {frames} frames of a split."
        )
    lines += [f"* {name}: content `{key}`." for name, key in protocol["captures"].items()]
    for name, about in summary["metrics"].items():
        digest = about["weights_sha256"]
        weights = f"weights `{digest[:16]}`" if digest else "no weights"
        lines.append(f"* {name}: {about.get('unavailable', weights)}.")
    lines.append(
        "* Intervals: 2,000 samples; stretches of 12 frames and whole seeds are drawn with "
        "replacement, all contenders with the same frames."
    )
    return lines
