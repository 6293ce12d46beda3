"""Diagnostics: one file each, with its statistic, its figure and its finding."""
