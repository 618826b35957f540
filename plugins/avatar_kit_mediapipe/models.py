"""Model files that the trackers may use or need. Torch-free, and without MediaPipe."""

from avatar_kit.config import ModelFile

POSE_HEAVY = ModelFile(
    name="pose_landmark_heavy.tflite",
    purpose="arms and legs found more exactly, above all in profile",
    size=27_709_200,
    licence="Apache-2.0",
    url="https://storage.googleapis.com/mediapipe-assets/pose_landmark_heavy.tflite",
    sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
)
POSE_LANDMARKER = ModelFile(
    name="pose_landmarker_full.task",
    purpose="body and mask",
    size=9_398_198,
    licence="Apache-2.0",
    url="https://storage.googleapis.com/mediapipe-models/pose_landmarker/pose_landmarker_full/"
    "float16/1/pose_landmarker_full.task",
    sha256="4eaa5eb7a98365221087693fcc286334cf0858e2eb6e15b506aa4a7ecdcec4ad",
)
HAND_LANDMARKER = ModelFile(
    name="hand_landmarker.task",
    purpose="hands",
    size=7_819_105,
    licence="Apache-2.0",
    url="https://storage.googleapis.com/mediapipe-models/hand_landmarker/hand_landmarker/float16/1/"
    "hand_landmarker.task",
    sha256="fbc2a30080c3c557093b5ddfc334698132eb341044ccee322ccf8bcf3607cde1",
)
FACE_LANDMARKER = ModelFile(
    name="face_landmarker.task",
    purpose="smile, lips, squint and gaze of faces seen from near",
    size=3_758_596,
    licence="Apache-2.0",
    url="https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/"
    "face_landmarker.task",
    sha256="64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
)
