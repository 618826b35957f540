"""Motion Distribution Align: the aligner ``mda`` (RAM-Avatar, section 3.3)."""
