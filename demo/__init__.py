"""The city of Bekasi as data, and a working day that drives the real HTTP APIs."""
