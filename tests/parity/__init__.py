"""Helpers that run one query on both engines."""
