"""Measurements, each a ratio within one run or a figure with its unit."""
