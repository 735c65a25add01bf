"""Faces on disk: readers of data sets, folds, pairs and augmentation."""
