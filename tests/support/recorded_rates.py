"""Learning rates that a framework really used, held against what its dialect's reader makes of the configuration."""

import numpy as np

# Of a run of 100 updates with a climb of 10: the ends, both sides of the peak, the middle, and past the end.
UPDATES = (0, 1, 9, 10, 11, 55, 98, 99, 100, 101)


def assert_runs_at(found, rates, updates=UPDATES, scale=1.0):
    """``found``, an Imported, has these rates at ``updates``, noted to eight decimals of ``scale``."""
    base = 1.0 if found.base_lr is None else found.base_lr
    ours = base * found.schedule(np.array(updates))
    np.testing.assert_allclose(ours, rates, rtol=0, atol=6e-9 * scale)
