"""Arguments that no schedule can be made of, for get_schedule and for the drop-in functions."""

NAMES = [
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant_with_warmup",
    "inverse_sqrt",
    "warmup_stable_decay",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
]
NEEDED = {
    "warmup_stable_decay": {"num_decay_steps": 2},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
}
NAN, INF = float("nan"), float("inf")
# What transformers' get_scheduler was seen to accept in silence: (warm-up, total, what the message says)
NONSENSE = [
    (-3, 10, "{warmup} must be >= 0; got -3"),
    (15, 10, "{warmup} must be below {total}=10; got 15"),
    (10, 10, "{warmup} must be below {total}=10; got 10"),
    (NAN, 10, "{warmup} must be a finite number; got nan"),
    (INF, 10, "{warmup} must be a finite number; got inf"),
    (2, NAN, "{total} must be a finite number; got nan"),
    (2, INF, "{total} must be a finite number; got inf"),
    (0, 0, "{total} must be >= 1; got 0"),
    (2, 0, "{total} must be >= 1; got 0"),
    (2, -5, "{total} must be >= 1; got -5"),
    (2, "10", "{total} must be a finite number; got '10'"),
    (True, 10, "{warmup} must be a finite number; got True"),
    (2, True, "{total} must be a finite number; got True"),
    (None, 10, "{warmup} must be a finite number; got None"),
]
