"""New plugin projects, each with a component that works: what ``avatar-kit plugins new`` writes.

``templates/project`` is the frame of every project, ``templates/KIND`` the package of a kind. They
are plain files; the names ``myplugin`` and ``MyPlugin`` in them are replaced.
"""

from avatar_kit.scaffold.project import new_project

__all__ = ["new_project"]
