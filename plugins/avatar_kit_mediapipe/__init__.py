"""avatar-kit plugin, tracker: MediaPipe."""
