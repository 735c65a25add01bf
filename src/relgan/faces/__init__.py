"""From photographs to aligned faces. Knows nothing of models."""
