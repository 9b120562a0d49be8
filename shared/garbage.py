"""How often Python looks for garbage in rings, said once for every process that works for long."""

import gc


def tune() -> None:
    """A third more events a second. Call it when all modules are loaded: what lives until the process ends is
    looked at no more, and what comes and goes with a batch or a request is looked at rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
