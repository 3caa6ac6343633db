"""Captures that were edited since their sidecar was made: their packets are known again by fingerprints."""
