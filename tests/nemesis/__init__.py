"""Faults under load, in the manner of Jepsen: `make faults SEED=7 MINUTES=15` (docs/decisions/0066-nemesis.md)."""
