"""How trainers count: what each does with rows, tails and two ends at once.

Source  read from transformers 5.23, accelerate 1.15 and lightning 2.6, and held to them by tests that call them.

==========  =====================================  =================  ==================  =======================
trainer     rows over processes                    tail of an epoch   part of an epoch    epochs and max_steps
==========  =====================================  =================  ==================  =======================
plain_loop  any                                    any                whole batches       one of them only
hf_trainer  whole batches                          flush              whole updates       max_steps wins
accelerate  whole batches, or pieces of one        flush, or carry    whole batches       one of them only
lightning   rows, repeated until all have as many  flush              none                whichever comes first
==========  =====================================  =================  ==================  =======================
"""

from __future__ import annotations

from dataclasses import dataclass

TAILS = ("flush", "drop", "carry")
SHARDINGS = ("pad", "drop", "batches")


@dataclass(frozen=True, slots=True)
class Convention:
    """What a trainer lets one choose; the first of each choice is its default.

    Args:
        title: the name people know it by.
        tails: what may happen to the last, smaller group of batches.
        shardings: how rows may be dealt to processes.
        parts: what a part of an epoch is rounded up to: ``batches`` or ``updates``; ``none`` refuses parts.
        both: which end counts if epochs and max_steps are given: ``max_steps``, ``first``, or ``none`` to refuse.
        endless: whether a run without a known end is possible.
    """

    title: str
    tails: tuple[str, ...] = TAILS
    shardings: tuple[str, ...] = SHARDINGS
    parts: str = "batches"
    both: str = "none"
    endless: bool = True


CONVENTIONS = {
    "plain_loop": Convention("a plain loop"),
    "hf_trainer": Convention(
        "HF Trainer", tails=("flush",), shardings=("batches",), parts="updates", both="max_steps", endless=False
    ),
    "accelerate": Convention("Accelerate", tails=("flush", "carry"), shardings=("batches",)),
    "lightning": Convention("Lightning", tails=("flush",), shardings=("pad",), parts="none", both="first"),
}
TRAINERS = tuple(CONVENTIONS)
