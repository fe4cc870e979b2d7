"""The mistakes: what the plan was, what an audit of the log has to say, and what a watched run says by itself."""

from dataclasses import dataclass

LINEAR = "transformers: warmup 12 > linear 108 to 0"
COSINE = "transformers: warmup 12 > cosine 108 to 0"


@dataclass(frozen=True)
class Mistake:
    """One script of this folder.

    Args:
        name: the script.
        plan: the schedule that was meant.
        kind: the audit's finding, held against that plan.
        says: words that its sentence has to hold.
        cause: words that its likely cause has to hold.
        watched: the finding of a watched run that knows no plan; ``"equal"`` where only a plan can tell.
        notes: words that the watched run's report has to hold.
    """

    name: str
    plan: str
    kind: str
    says: str
    cause: str
    watched: str
    notes: str = ""


MISTAKES = [
    Mistake("logged_late", LINEAR, "logged-late", "logged one update late", "after scheduler.step()", "equal"),
    Mistake(
        "four_processes", LINEAR, "fast-clock", "4 times per update", "4 processes: Accelerate", "fast-clock",
        "4 processes: Accelerate",
    ),
    Mistake(
        "micro_batches", LINEAR, "fast-clock", "4 times per update", "4 micro-batches", "fast-clock", "4 micro-batches"
    ),
    Mistake("per_epoch", LINEAR, "slow-clock", "per epoch", "once an epoch", "slow-clock", "every 10 updates"),
    Mistake(
        "lightning_interval", LINEAR, "slow-clock", "once every 10 updates", "interval is 'step'", "slow-clock",
        "once an epoch",
    ),
    Mistake(
        "amp_skips", LINEAR, "skipped-updates", "3 skipped updates: ", "Mixed precision", "equal",
        "3 attempts skipped by the gradient scaler",
    ),
    Mistake("resumed_longer", COSINE, "jump", "at update 61", "another total", "jump", "shaped for 240 updates"),
    Mistake(
        "resumed_in_the_wrong_order", LINEAR, "jump", "at update 60: 0 instead of", "After a resume", "jump",
        "then back on it",
    ),
    Mistake("resumed_from_the_start", LINEAR, "jump", "from position 0", "not restored", "jump", "from position 0"),
    Mistake("resumed_twice", LINEAR, "jump", "goes on from position 80", "restored twice", "jump", "from position 80"),
    Mistake("resumed_lower", LINEAR, "jump", "the peak is 0.0005", "another learning rate", "jump", "peak is 0.0005"),
    Mistake("other_optimizer", LINEAR, "frozen", "from update 50 on", "another optimizer", "frozen", "from update 50"),
    Mistake(
        "never_stepped", "transformers: cosine 120", "frozen", "from the first update on", "Nobody calls", "frozen",
        "from the first update on",
    ),
    Mistake(
        "past_the_end", "transformers: warmup 12 > cosine 68", "rises-past-end", "80 updates", "up again",
        "rises-past-end",
    ),
    Mistake(
        "counted_batches", LINEAR, "other-horizon", "480 updates, not 120", "accumulation", "equal",
        "120 of the schedule's 480 updates",
    ),
    Mistake("warmup_ratio_one", LINEAR, "other-warm-up", "1 updates, not 12", "share", "equal", "warmup 1 >"),
    Mistake("last_group", LINEAR, "other-group", "at 0.1 of its rate", "another parameter group", "equal", "its own"),
    Mistake(
        "floor_of_another_group", COSINE[:-1] + "0.1", "other-floor", "0.0002, not 0.0001", "another group's", "equal",
        "cosine 108 to 0.2",
    ),
    Mistake("other_name", LINEAR, "other-schedule", "cosine 108", "Another name", "equal", "cosine 108"),
    Mistake("stepped_before", LINEAR, "ahead", "position 5", "before the first update", "ahead", "position 5"),
]  # fmt: skip
