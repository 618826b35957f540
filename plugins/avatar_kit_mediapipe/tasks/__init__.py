"""Tracker ``mediapipe_tasks``: MediaPipe's Tasks API, with model files that a person adds."""
