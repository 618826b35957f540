"""Input that nobody should hand in, by the thousand: each case ends well or with one plain message.

``python -m tests.fuzz --cases 20000 --seed 7`` runs many; see ``docs/security.md``.
"""
