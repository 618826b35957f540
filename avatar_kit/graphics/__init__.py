"""Rasterise, interpolate, sample: numba on the CPU, nvdiffrast on CUDA, the same answer from both."""
