"""A plan of a comparison that tests share."""

from avatar_kit.engine.comparison.plan import Plan

PLAN = {
    "contenders": {"ram": "ram", "anr": {"type": "anr", "preset": "demo"}},
    "captures": {"ada": "studio", "ben": {"type": "studio", "subject": "ben"}},
    "seeds": [0, 1],
    "values": {"size": 256},
}


def made(**changes):
    base = {
        **PLAN,
        "contenders": {"ram": {"type": "ram"}, "anr": {"type": "anr", "preset": "demo"}},
    }
    captures = {"ada": {"type": "studio"}, "ben": {"type": "studio", "subject": "ben"}}
    return Plan.model_validate({**base, "captures": captures, **changes})
