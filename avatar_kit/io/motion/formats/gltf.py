"""placeholder"""

from avatar_kit.io.motion.reading import Format

FORMAT = Format("glTF", lambda s: False, None)
