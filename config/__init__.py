"""Frozen, validated settings and how they are read."""
