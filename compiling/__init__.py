"""A compiled build of the hot path, beside the sources and never among them (docs/performance.md)."""
