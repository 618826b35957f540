"""Many avatars on many machines: preparations, trainings and a report, as jobs."""
