"""The samples, and how they are made."""
