"""Methods side by side on the same data, the same splits and the same metrics."""
