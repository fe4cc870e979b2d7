"""The mistakes: what the plan was, and what an audit has to say."""

from dataclasses import dataclass

LINEAR = "transformers: warmup 12 > linear 108 to 0"
COSINE = "transformers: warmup 12 > cosine 108 to 0"


@dataclass(frozen=True)
class Mistake:
    """One script of this folder.

    Args:
        name: the script.
        plan: the schedule that was meant.
        kind: the finding's name.
        says: words that its sentence has to hold.
        cause: words that its likely cause has to hold.
    """

    name: str
    plan: str
    kind: str
    says: str
    cause: str


MISTAKES = [
    Mistake("logged_late", LINEAR, "logged-late", "logged one update late", "after scheduler.step()"),
    Mistake("four_processes", LINEAR, "fast-clock", "4 times per update", "4 processes: Accelerate"),
    Mistake("micro_batches", LINEAR, "fast-clock", "4 times per update", "4 micro-batches"),
    Mistake("per_epoch", LINEAR, "slow-clock", "per epoch", "once an epoch"),
    Mistake("lightning_interval", LINEAR, "slow-clock", "once every 10 updates", "interval is 'step'"),
    Mistake("amp_skips", LINEAR, "skipped-updates", "3 skipped updates: ", "Mixed precision"),
    Mistake("resumed_longer", COSINE, "jump", "at update 61", "another total"),
    Mistake("resumed_in_the_wrong_order", LINEAR, "jump", "at update 60: 0 instead of", "After a resume"),
    Mistake("resumed_from_the_start", LINEAR, "jump", "goes on from position 0", "not restored"),
    Mistake("resumed_twice", LINEAR, "jump", "goes on from position 80", "restored twice"),
    Mistake("resumed_lower", LINEAR, "jump", "the peak is 0.0005", "another learning rate"),
    Mistake("other_optimizer", LINEAR, "frozen", "from update 50 on", "another optimizer"),
    Mistake("never_stepped", "transformers: cosine 120", "frozen", "from the first update on", "Nobody calls"),
    Mistake("past_the_end", "transformers: warmup 12 > cosine 68", "rises-past-end", "80 updates", "up again"),
    Mistake("counted_batches", LINEAR, "other-horizon", "480 updates, not 120", "accumulation"),
    Mistake("warmup_ratio_one", LINEAR, "other-warm-up", "1 updates, not 12", "share"),
    Mistake("last_group", LINEAR, "other-group", "at 0.1 of its rate", "another parameter group"),
    Mistake("floor_of_another_group", COSINE[:-1] + "0.1", "other-floor", "0.0002, not 0.0001", "another group's"),
    Mistake("other_name", LINEAR, "other-schedule", "cosine 108", "Another name"),
    Mistake("stepped_before", LINEAR, "ahead", "position 5", "before the first update"),
]
