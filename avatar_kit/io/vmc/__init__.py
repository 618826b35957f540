"""The Virtual Motion Capture protocol: packets, bones, blend shapes, and recordings of them."""
