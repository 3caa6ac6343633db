"""Captures that were edited since their sidecar was made: their packets are known again by fingerprints."""

from pcapconv.sidecar.edited.prints import fingerprint

__all__ = ["fingerprint"]
