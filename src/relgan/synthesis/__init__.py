"""Rendered people with labelled expressions. Knows nothing of models."""
