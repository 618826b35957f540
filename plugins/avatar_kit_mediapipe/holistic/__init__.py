"""Tracker ``mediapipe``: Holistic and graphs of MediaPipe 0.10.21, with models in the wheel."""
