"""R3-Avatar: record, retrieve, reconstruct."""
