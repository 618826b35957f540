"""Image and video metrics that rest on nothing that must be downloaded."""
