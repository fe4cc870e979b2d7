"""Named schedules to start a design from, in words whose lengths are shares of the run."""

from __future__ import annotations

# What the names mean at a warm-up of a tenth of the run, value for value.
STARTS = {
    "constantlr": "hold",
    "warmupconstant": "transformers: warmup 10% > hold",
    "warmuplinear": "transformers: warmup 10% > linear to 0",
    "warmupcosine": "transformers: warmup 10% > cosine to 0",
    "warmupcosinewithhardrestarts": "transformers: warmup 10% > cosine_restarts to 0",
    "linear (native)": "warmup 10% > linear to 0",
    "cosine (native)": "warmup 10% > cosine to 0",
    "cosine to a tenth": "warmup 10% > cosine to 0.1",
    "warm-up, stable, decay (1-sqrt)": "warmup 10% > hold > 1-sqrt 20% to 0",
    "warm-up, stable, decay (linear)": "warmup 10% > hold > linear 20% to 0",
    "falling as a square": "warmup 10% > polynomial(power=2) to 0",
    "one cycle": "warmup cosine 30% from 0.04 > cosine to 0",
    "cosine, three cycles": "warmup 10% > cosine_restarts(cycles=3) to 0",
    "geometric to a hundredth": "warmup 10% > geometric to 0.01",
}
