"""Model files that a person may add. Torch-free, and without MediaPipe."""

from avatar_kit.config import ModelFile

POSE_HEAVY = ModelFile(
    name="pose_landmark_heavy.tflite",
    purpose="arms and legs found more exactly, above all in profile",
    size=27_709_200,
    licence="Apache-2.0",
    url="https://storage.googleapis.com/mediapipe-assets/pose_landmark_heavy.tflite",
    sha256="59e42d71bcd44cbdbabc419f0ff76686595fd265419566bd4009ef703ea8e1fe",
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
