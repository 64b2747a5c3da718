"""SMPP, Japanese text and the upstream frames, without I/O (only `link` touches a stream)."""
