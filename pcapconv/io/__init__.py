"""Bytes in and out: sources, outputs that appear whole or not at all, and what is needed on the way."""
