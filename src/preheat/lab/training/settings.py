"""Every setting of a run, described once and in plain Python: its type, default, rule and help.

A help text is a message, told where it is shown. Flags and the tables of the docs are made of these descriptions, and
:class:`~preheat.lab.training.config.TrainConfig` inherits them: pydantic reads the annotations, and each
:class:`Setting` hands it the rule. Pydantic itself is loaded only where values are checked; it takes four times as long
as a bare interpreter, and ``preheat train --help`` has nothing to check.
"""

# No "from __future__ import annotations": the annotations are read below, and strings would have to be evaluated first.
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, cast, get_args, get_origin

from preheat.messages import _


@dataclass(frozen=True, slots=True)
class Setting:
    """What is said of a setting beside its type and default.

    Attributes:
        help: one sentence, for ``--help``, refusals and reports.
        ge: least value.
        gt: what the value is above.
        le: largest value.
        lt: what the value is below.
        min_length: fewest entries of a list.
        metavar: what stands for the value in ``--help``; left out, a word for the type.
        default: the value where nothing is said.
        kind: the type that a flag's words are read as.
        many: whether the flag may be repeated.
    """

    help: str
    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    lt: float | None = None
    min_length: int | None = None
    metavar: str = ""
    # Filled in from the annotation and the class's default.
    default: Any = None
    kind: type = str
    many: bool = False

    # The protocol of annotated_types, by which pydantic takes rules out of other people's objects.
    @property
    def __is_annotated_types_grouped_metadata__(self) -> Literal[True]:
        return True

    def __iter__(self) -> Iterator[object]:
        import annotated_types as rules

        for name, rule in (("ge", rules.Ge), ("gt", rules.Gt), ("le", rules.Le), ("lt", rules.Lt)):
            if getattr(self, name) is not None:
                yield rule(getattr(self, name))
        if self.min_length is not None:
            yield rules.MinLen(self.min_length)


class Settings:
    """The settings by group; those that are None by default depend on others, or say "none"."""

    out: Annotated[
        str | None, Setting(_("Run folder, new or empty; without it runs/<data>-<date>."), metavar="FOLDER")
    ] = None
    # Data
    data: Annotated[
        str, Setting(_("CSV, TSV, JSON Lines or Parquet file, a data set's folder or hub name, 'bbc', or 'synthetic'."))
    ] = "bbc"
    rows: Annotated[
        int | None, Setting(_("Synthetic data: training rows, 20000; batch times updates for a single pass."), ge=1)
    ] = None
    evaluation_rows: Annotated[
        int | None,
        Setting(_("Synthetic data: rows of the validation split, and as many of the test split; 2000."), ge=1),
    ] = None
    topics: Annotated[int | None, Setting(_("Synthetic data: classes, 6."), ge=2, le=8)] = None
    noise: Annotated[
        float | None, Setting(_("Synthetic data: share of words that may come from any topic, 0.25."), ge=0, lt=1)
    ] = None
    data_seed: Annotated[int | None, Setting(_("Synthetic data: which rows, whatever the run's seed; 0."), ge=0)] = None
    encoding: Annotated[
        str | None,
        Setting(
            _("How a text file's letters are written, as gb18030; UTF-8, and UTF-16 by its mark, need no word."),
            metavar="NAME",
        ),
    ] = None
    delimiter: Annotated[
        str | None,
        Setting(
            _("What stands between the columns, as ';' or tab; a comma, in .tsv a tab."), metavar="SIGN", min_length=1
        ),
    ] = None
    no_header: Annotated[bool, Setting(_("The file's first line is a row; its columns are called 1, 2, ..."))] = False
    text_column: Annotated[
        list[str], Setting(_("Column(s) with the text, joined by a space."), min_length=1, metavar="COLUMN")
    ] = ["text"]
    label_column: Annotated[str, Setting(_("Column with the class."), metavar="COLUMN")] = "label"
    split_column: Annotated[
        str | None,
        Setting(
            _("Column with train, validation (or val) and test; without it the split is by a hash of the text."),
            metavar="COLUMN",
        ),
    ] = None
    id_column: Annotated[
        str | None,
        Setting(
            _("Column whose values must differ; one called id is, unless this is empty (--id-column '')."),
            metavar="COLUMN",
        ),
    ] = None
    classes: Annotated[
        list[str] | None,
        Setting(
            _("All classes; a row of any other is a bad one. Without it those found."), min_length=2, metavar="CLASS"
        ),
    ] = None
    bad_rows: Annotated[
        Literal["strict", "skip"],
        Setting(_("Rows that cannot be used: refuse the data, or leave them out and say so.")),
    ] = "strict"
    cache: Annotated[
        str | None,
        Setting(
            _("Folder for tokenized texts, or 'off'; without it preheat in the user's cache folder."),
            metavar="FOLDER|off",
        ),
    ] = None
    token_dropout: Annotated[
        float, Setting(_("Share of the tokens of a training text left out at random, anew in every epoch."), ge=0, lt=1)
    ] = 0.0
    # Model
    model: Annotated[
        str, Setting(_("Hub name or local folder of a pretrained model, or 'small': from random weights."))
    ] = "small"
    head: Annotated[Literal["sequence", "double"], Setting(_("Classification head."))] = "sequence"
    lm_weight: Annotated[
        float, Setting(_("Weight of the language-model loss beside the class's; with double heads only."), ge=0)
    ] = 0.0
    dropout: Annotated[
        float | None, Setting(_("Every dropout probability of the model; without it the model's own."), ge=0, lt=1)
    ] = None
    layers: Annotated[int, Setting(_("Blocks of the small model."), ge=1)] = 2
    width: Annotated[int, Setting(_("Width of the small model, a multiple of its heads."), ge=4)] = 128
    heads: Annotated[int, Setting(_("Attention heads of the small model."), ge=1)] = 4
    norm: Annotated[
        Literal["pre", "post"],
        Setting(_("Layer normalization of the small model: GPT-2's, or after each sum (post-LN).")),
    ] = "pre"
    vocabulary: Annotated[int, Setting(_("Tokens of the small model's byte-level BPE."), ge=300)] = 4000
    max_tokens: Annotated[int, Setting(_("Longer texts are cut."), ge=2)] = 128
    # Schedule and optimizer
    schedule: Annotated[str, Setting(_("Name of the schedule, or the whole of it in words."))] = "warmuplinear"
    warmup: Annotated[
        int | float | str | None,
        Setting(
            _('Updates, "10%", a fraction, or untuned: 2/(1-beta2). 10% if the schedule has a warm-up.'),
            metavar="LENGTH",
        ),
    ] = None
    schedule_options: Annotated[
        dict[str, int | float | str], Setting(_("Options of the schedule, as num_cycles."), metavar="NAME=VALUE")
    ] = {}
    lr: Annotated[
        float | None, Setting(_("Peak learning rate; 1e-3 for the small model, 5e-5 for a pretrained one."), gt=0)
    ] = None
    layer_decay: Annotated[
        float, Setting(_("Learning rate of a layer over that of the next one; 1 gives all the same."), gt=0, le=1)
    ] = 1.0
    weight_decay: Annotated[float, Setting(_("AdamW's weight decay."), ge=0)] = 0.01
    beta2: Annotated[float, Setting(_("AdamW's decay of the mean of squared gradients."), ge=0, lt=1)] = 0.999
    # Length, batches and arithmetic
    epochs: Annotated[
        int | None,
        Setting(_("Passes over the data; 8 for the small model, 3 for a pretrained one, 1 if synthetic."), ge=1),
    ] = None
    max_updates: Annotated[
        int | None, Setting(_("Most updates of the run; the schedule is shaped for them."), ge=1)
    ] = None
    batch_size: Annotated[int, Setting(_("Texts in a batch of one process."), ge=1)] = 32
    batch_tokens: Annotated[
        int | None, Setting(_("Padded tokens in a batch of one process, at most; instead of --batch-size."), ge=1)
    ] = None
    accumulation: Annotated[int, Setting(_("Batches that make one update."), ge=1)] = 1
    clip: Annotated[float, Setting(_("Largest gradient norm; 0 does not clip."), ge=0)] = 5.0
    precision: Annotated[Literal["auto", "fp32", "bf16", "fp16"], Setting(_("Arithmetic of the forward pass."))] = (
        "auto"
    )
    compile: Annotated[
        str | None,
        Setting(
            _("torch.compile backend, such as inductor: a minute or more before it gains anything."), metavar="BACKEND"
        ),
    ] = None
    seed: Annotated[int, Setting(_("Fixes weights, dropout and the order of the data."), ge=0, lt=2**32)] = 0
    threads: Annotated[int, Setting(_("Threads a CPU operation uses; 0 leaves torch's default."), ge=0)] = 1
    workers: Annotated[int, Setting(_("Processes that prepare batches ahead; 0 prepares them in between."), ge=0)] = 0
    # Watching the run
    bad_numbers: Annotated[
        Literal["stop", "skip"],
        Setting(_("A loss or gradient that is NaN or infinite: stop before the update, or skip and count it.")),
    ] = "stop"
    spikes: Annotated[Literal["record", "stop"], Setting(_("A loss far above the usual: note it, or stop."))] = "record"
    log_every: Annotated[int, Setting(_("Updates the printed average loss is taken over."), ge=1)] = 500
    measure_every: Annotated[
        int, Setting(_("Updates between measurements of how far the weights move; 0 makes none."), ge=0)
    ] = 10
    angles: Annotated[bool, Setting(_("With them, the angle by which every weight matrix turns."))] = False
    critical_every: Annotated[
        int, Setting(_("Updates between line searches for the critical learning rate; 0 makes none."), ge=0)
    ] = 0
    # Saving
    save_every: Annotated[
        int | None, Setting(_("Updates between checkpoints; the end of every epoch is one anyway."), ge=1)
    ] = None
    keep_last: Annotated[int, Setting(_("Newest checkpoints that a run can be resumed from."), ge=1)] = 2
    keep_models: Annotated[
        Literal["epochs", "best"], Setting(_("Of older ones the models stay: of every epoch, or of the best alone."))
    ] = "epochs"
    trackers: Annotated[
        list[str], Setting(_("Experiment trackers, as tensorboard, wandb, mlflow, trackio."), metavar="NAME")
    ] = []


def _described(annotation: Any, default: Any) -> Setting:
    """A setting with what its annotation says, too."""
    hint, setting = cast("tuple[Any, Setting]", get_args(annotation))
    kinds = [kind for kind in get_args(hint) if kind is not type(None)] or [hint]
    kind = kinds[0]
    if get_origin(hint) is Literal:
        return replace(setting, default=default, metavar=setting.metavar or "|".join(get_args(hint)))
    if get_origin(hint) in (list, dict) or get_origin(kind) is list:
        return replace(setting, default=default, many=True)
    if len(kinds) > 1:  # a length: what its words mean is the schedule's to say
        return replace(setting, default=default)
    metavar = setting.metavar or {int: "N", float: "NUMBER"}.get(kind, "TEXT")
    return replace(setting, default=default, kind=kind, metavar=metavar)


# By name, in the order above, which is that of the help page.
SETTINGS: dict[str, Setting] = {
    name: _described(annotation, getattr(Settings, name)) for name, annotation in Settings.__annotations__.items()
}
