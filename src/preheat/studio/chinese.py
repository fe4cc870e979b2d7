"""Sentences of the floors below in Chinese, by their own structure: the numbers stay as they are written.

A saying is the template of an English sentence with its Chinese one. Both have the same gaps:

``{lr}``           a number, as it is written
``{plan:text}``    anything, kept as it is: a schedule, a name, somebody else's words
``{key:word}``     the same, without a blank in it
``{part:said}``    a sentence of the same catalog, in its Chinese form
``{line:name}``    the same where it is one, else kept
``{parts:said; }`` several, with ``"; "`` between them; likewise ``{parts:name, }``

``(s)`` in the English template stands for a plural that may be there or not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from string import Formatter

_NUMBER = r"[-+]?(?:\d+(?:,\d{3})*(?:\.\d+)?(?:e[-+]?\d+)?|inf|nan)%?"
_GAP = {"": rf"{_NUMBER}(?: ± {_NUMBER})?", "text": ".+", "word": r"\S+", "said": ".+?", "name": ".+?"}
_BETWEEN = {", ": "、", "; ": "；"}  # what stands between Chinese parts; any other separator stays


@dataclass(frozen=True, slots=True)
class _Saying:
    pattern: re.Pattern[str]
    chinese: str
    gaps: dict[str, tuple[str, str]]  # by name: its kind, and what stands between several


class Sayings:
    """The sentences that one speaker can say.

    The first template that a sentence fits, with all that has to be said inside it, gives its Chinese form.

    Args:
        templates: Chinese by English; those that fit more come after those that fit less.

    >>> sayings = Sayings({"{many} update(s) {when:said}": "{when}共 {many} 步", "so far": "到目前为止"})
    >>> sayings.of("1,200 updates so far"), sayings.of("1,200 epochs so far")
    ('到目前为止共 1,200 步', None)
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._sayings = [_read(english, chinese) for english, chinese in templates.items()]

    def of(self, sentence: str) -> str | None:
        """The Chinese form of a sentence; None where there is none."""
        for saying in self._sayings:
            match = saying.pattern.fullmatch(sentence)
            filled = match and self._filled(saying, match.groupdict())
            if filled is not None:
                return saying.chinese.format(**filled)
        return None

    def told(self, sentence: str, language: str) -> str:
        """The sentence in a language of the pages: as it is in English, and where there is no other form of it."""
        return sentence if language != "zh" else self.of(sentence) or sentence

    def _filled(self, saying: _Saying, found: Mapping[str, str]) -> dict[str, str] | None:
        filled = {}
        for name, words in found.items():
            kind, between = saying.gaps[name]
            parts = words.split(between) if between else [words]
            told = [part if kind in ("", "text", "word") else self.of(part) for part in parts]
            if kind == "said" and None in told:
                return None
            filled[name] = _BETWEEN.get(between, between).join(
                part if one is None else one for part, one in zip(parts, told, strict=True)
            )
        return filled


def _read(english: str, chinese: str) -> _Saying:
    pattern, gaps = "", {}
    for literal, name, spec, _ in Formatter().parse(english):
        pattern += re.escape(literal).replace(r"\(s\)", "s?")
        if name is not None:
            kind = re.match("[a-z]*", spec or "")[0]  # type: ignore[index]
            gaps[name] = kind, (spec or "")[len(kind) :]
            pattern += f"(?P<{name}>{_GAP[kind]})"
    return _Saying(re.compile(pattern), chinese, gaps)


# --- What audits find, what that comes from, and the evidence -------------------------------------------------------


_FOUND = {
    "as planned": "与计划一致",
    "logged one update late: each rate is the one the next update used":
        "晚记录了一步：每个学习率都是下一步更新所用的",
    "{offset} update(s) ahead: the schedule began at position {position}":
        "提前了 {offset} 步：计划从位置 {position} 开始",
    "the schedule moves {scale} times per update": "每更新一步，计划前进 {scale} 步",
    "stepped per epoch: the schedule moves once every {every} updates, which is an epoch":
        "按轮次步进：每更新 {every} 步（正好一轮），计划才前进一步",
    "the schedule moves once every {every} updates": "每更新 {every} 步，计划才前进一步",
    "{lag} skipped update(s) at the beginning: the schedule runs {behind} behind all along":
        "开头跳过了 {lag} 步更新：计划自始至终落后 {behind} 步",
    "{lag} skipped update(s): the schedule fell behind ({lost:said, }) and never caught up":
        "跳过了 {lag} 步更新：计划因此落后（{lost}），再也没有追上",
    "by update {at}": "到第 {at} 步跳过一次",
    "{many} by update {at}": "到第 {at} 步跳过 {many} 次",
    "...": "……",
    "another horizon: the schedule is shaped for {horizon} updates, not {planned}":
        "总步数不同：实际的计划长 {horizon} 步，而不是 {planned} 步",
    "another horizon: the schedule is shaped for {horizon} updates, not {planned}, and warms up over {warmup}, not"
    " {planned_warmup}":
        "总步数不同：实际的计划长 {horizon} 步，而不是 {planned} 步；预热 {warmup} 步，而不是 {planned_warmup} 步",
    "another warm-up: {warmup} updates, not {planned}": "预热长度不同：是 {warmup} 步，而不是 {planned} 步",
    "another floor: it falls to {floor}, not {planned}": "终值不同：降到 {floor}，而不是 {planned}",
    "another group: the plan at {ratio} of its rate, with a peak of {peak}":
        "另一个参数组：学习率是计划的 {ratio} 倍，峰值为 {peak}",
    "the plan at {ratio} of its rate: a group of its own": "学习率是计划的 {ratio} 倍：单独的参数组",
    "frozen: the rate stays at {rate} from update {at} on, where the plan moves":
        "停住不动：从第 {at} 步起学习率一直是 {rate}，而计划是变化的",
    "frozen: the rate stays at {rate} from the first update on, where the plan moves":
        "停住不动：从第一步起学习率一直是 {rate}，而计划是变化的",
    "rising past the end: after the schedule's {horizon} updates the rate climbs again, to {rate} at update {last}":
        "结束后又上升：计划的 {horizon} 步走完后，学习率再次升高，到第 {last} 步达到 {rate}",
    "off the plan at {where:said}: {found} instead of {planned}, then back on it":
        "偏离计划（{where}）：是 {found}，而不是 {planned}；之后又回到计划上",
    "update {at}": "第 {at} 步",
    "{many} updates, the first {at}": "共 {many} 步，首次在第 {at} 步",
    "a jump at update {at}: {before} -> {after}": "学习率在第 {at} 步跳变：{before} -> {after}",
    "{jump:said}; the schedule goes on from position {position}": "{jump}；此后计划从位置 {position} 继续",
    "{jump:said}; from there on the plan is shaped for {horizon} updates instead of {planned}":
        "{jump}；此后计划长 {horizon} 步，而不是 {planned} 步",
    "{jump:said}; from there on the peak is {peak} instead of {planned}": "{jump}；此后峰值为 {peak}，而不是 {planned}",
    "{jump:said}, and nothing like the plan from there on": "{jump}；此后与计划毫无相似之处",
    "another schedule: {schedule:text}, peak {peak}": "是另一种计划：{schedule}，峰值 {peak}",
    "not the plan, and nothing known explains it; the two part at update {at}":
        "与计划不一致，也无法用已知的原因解释；两者从第 {at} 步起分开",
}  # fmt: skip

_CAUSES = {
    "The log line is written after scheduler.step() (transformers' Trainer did so until {year}): the training is right,"
    " its picture is not; log the rate before the step. Or the scheduler was stepped once before the first update.":
        "日志写在 scheduler.step() 之后（transformers 的 Trainer 在 {year} 年以前就是这样）：训练没有错，"
        "只是记录错了位；请在 scheduler.step() 之前记录学习率。也可能 scheduler 在第一步更新之前多走了一步。",
    "The scheduler was stepped before the first update, or the run goes on from an earlier one.":
        "scheduler 在第一步更新之前就走了，或者这次训练是接着更早的训练进行的。",
    "Either {one:said}; or {other:said}.": "可能是 {one}；也可能是 {other}。",
    "{scale} processes: Accelerate's wrapper steps the scheduler once for each of them. Count the total and the warm-up"
    " times {times} there, or use preheat's scheduler, which follows the optimizer":
        "{scale} 个进程：Accelerate 的包装让每个进程各走一步 scheduler。请把总步数和预热步数都乘以 {times}，"
        "或改用 preheat 的 scheduler，它跟随优化器",
    "{scale} micro-batches to an update, with scheduler.step() after each of them. Step it only after optimizer.step()":
        "{scale} 个微批次才更新一步（梯度累积），而每个微批次之后都调用了 scheduler.step()。"
        "请只在 optimizer.step() 之后调用",
    "scheduler.step() is called once an epoch: Lightning does so unless interval is 'step', and so do loops written for"
    " schedules that count epochs.":
        "scheduler.step() 每轮只调用一次：除非 interval 是 'step'，Lightning 就这样做；"
        "为按轮次计数的计划写的训练循环也是如此。",
    "If an epoch has {every} updates: {cause:said} Otherwise it is stepped at every log or save, or {again} updates"
    " are counted as one by accumulation that both the loop and the trainer do.":
        "如果一轮有 {every} 步更新：{cause}否则，它只在每次记录日志或保存时才走一步，"
        "或者训练循环和训练器都做了梯度累积，把 {again} 步更新算作一步。",
    "Mixed precision skips the first updates while it looks for its loss scale, or the scheduler gives its first value"
    " twice, as DeepSpeed's do: {ends:said}.":
        "混合精度训练在寻找合适的损失缩放系数时会跳过最初几步更新，"
        "或者 scheduler 把第一个值用了两次（DeepSpeed 的就是这样）：{ends}。",
    "Mixed precision skipped those updates (overflowing gradients), the scheduler waited, and the step numbers went on:"
    " {ends:said}.":
        "混合精度训练因梯度溢出跳过了这些更新，scheduler 停下来等，而步数编号继续增加：{ends}。",
    "the schedule ends {lag} update(s) short of its end": "训练结束时，计划还差 {lag} 步没有走完",
    "The total was counted otherwise: epochs, accumulation, the number of processes or the last incomplete batch"
    " (preheat plan shows the arithmetic).":
        "总步数的算法不同：轮数、梯度累积、进程数，或最后一个不完整的批（preheat plan 会列出计算过程）。",
    "A share was taken of another total, or rounded otherwise, or a count was read as a share.":
        "预热比例乘的是另一个总步数，或者取整方式不同，或者步数被当成了比例。",
    "The schedule ignores its warm-up (transformers' 'constant' does), or warmup_steps did not get through.":
        "这种计划不理会预热（transformers 的 'constant' 就是如此），或者 warmup_steps 没有传进去。",
    "A floor given as a rate was taken for a share, or transformers made it a share of another group's rate.":
        "以学习率给出的终值被当成了比例，或者 transformers 把它换算成了另一个参数组学习率的比例。",
    "It is the rate that group {group:text} should have.": "这是参数组 {group} 应有的学习率。",
    "The log shows another parameter group (layer-wise decay, a head of its own), or the peak was changed or scaled by"
    " the trainer.":
        "日志记录的是另一个参数组（逐层衰减，或单独的输出头），或者训练器改动、缩放了峰值。",
    "Nobody calls scheduler.step(), or it drives another optimizer than the one that is stepped, or its end came"
    " early.":
        "没有人调用 scheduler.step()，或者它驱动的不是实际更新的那个优化器，或者它提前到了终点。",
    "Nobody calls scheduler.step() any more, or it drives another optimizer than the one that is stepped, or its end"
    " came early.":
        "此后没有人再调用 scheduler.step()，或者它驱动的不是实际更新的那个优化器，或者它提前到了终点。",
    "transformers' and torch's cosines are waves and go up again past their end. Plan the updates that are trained, or"
    " take a schedule that holds.":
        "transformers 和 torch 的余弦是波，过了终点会再升高。"
        "请按实际训练的步数制定计划，或选用到终点后保持不变的计划。",
    "After a resume the first update runs at what the scheduler's constructor wrote, until it is stepped; or somebody"
    " else writes the rate.":
        "恢复训练后，第一步更新用的是 scheduler 构造时写入的值，直到它走一步为止；也可能另有代码改写学习率。",
    "The run was resumed and its scheduler's position was not restored, was restored twice, or counts epochs.":
        "恢复训练时，scheduler 的位置没有恢复，或恢复了两次，或者它按轮次计数。",
    "The run was resumed with another total: transformers' schedules take the new one at once.":
        "恢复训练时用了另一个总步数：transformers 的计划会立即采用新的总步数。",
    "The run was resumed with another learning rate or batch scaling, or a callback changed it.":
        "恢复训练时用了另一个学习率或另一种随批大小的缩放，或者某个回调改动了它。",
    "A resume, a restart, or somebody else writes the rate.": "恢复训练、重启，或另有代码改写学习率。",
    "Another name or other options got through than the plan has.": "实际生效的计划名称或选项与计划不同。",
    "Look at the picture; if the rate follows a metric (plateau) or noise, no plan can say it.":
        "请看图；如果学习率随指标（plateau）或噪声变化，任何计划都无法描述它。",
    "{cause:said}.": "{cause}。",
}  # fmt: skip

_EVIDENCE = {
    "{agree} of {many} rates agree to the digits they are written with (updates {first} to {last})":
        "{agree} 个学习率与计划一致（共 {many} 个，按所写位数比较；第 {first} 至 {last} 步）",
    "explains {explained} of {many} rates, the plan itself {agree} (updates {first} to {last})":
        "能解释 {explained} 个学习率（共 {many} 个），计划本身只能解释 {agree} 个（第 {first} 至 {last} 步）",
    "position = {scale} x update + {offset}": "位置 = {scale} x 更新步 + {offset}",
    "position = {scale} x update - {offset}": "位置 = {scale} x 更新步 - {offset}",
    "position = (update + {offset}) // {every}": "位置 = (更新步 + {offset}) // {every}",
    "furthest from the plan at update {at}: {found} instead of {planned}":
        "离计划最远在第 {at} 步：是 {found}，而不是 {planned}",
    "peak taken from the rates: {peak}": "峰值取自日志：{peak}",
    "step {step} of the log is the first update": "日志中的第 {step} 步是第一步更新",
    "{log:text} ({kind:text}), {many} learning rates": "{log}（{kind}），共 {many} 个学习率",
    # curves that were recognized
    "peak {peak}, every logged rate agrees": "峰值 {peak}，每个记录的学习率都吻合",
    "peak {peak}, nearest known shape": "峰值 {peak}，最接近的已知形状",
    "too few rates above zero to say": "大于零的学习率太少，无法判断",
    "the rate moves only once every {every} updates: this is the curve through its steps":
        "学习率每 {every} 步才变一次：这里给出的是穿过各级台阶的曲线",
    "the log begins at update {at}: what climbed before it is a guess": "日志从第 {at} 步开始：此前的上升只能推测",
    "the log ends while the rate climbs: peak, warm-up and horizon cannot be told":
        "日志在学习率上升途中结束：无法判断峰值、预热长度和总步数",
    "the log ends at the peak: whether a descent follows cannot be told": "日志在峰值处结束：无法判断之后是否衰减",
    "the log ends at update {at}: the horizon is where the curve points to, for a floor as given":
        "日志在第 {at} 步结束：总步数是按给出的终值沿曲线推算的",
    "the nearest of the known shapes; off by {error} at update {at}":
        "这是最接近的已知形状；在第 {at} 步相差 {error}",
    # reading the log
    "{many} rows whose step or rate is no number were left out": "有 {many} 行的步数或学习率不是数，已略去",
    "line {at} is unfinished and was left out": "第 {at} 行不完整，已略去",
    "the last record of {log:text} is unfinished and was left out": "{log} 的最后一条记录不完整，已略去",
}  # fmt: skip

AUDITS = Sayings({**_FOUND, **_EVIDENCE, **_CAUSES})


# Titles, axes and legends of figures, as reports have them.
FIGURES = Sayings({
    "update": "更新步",
    "learning rate": "学习率",
    "Learning rate": "学习率",
    "Learning rates of parameter groups": "各参数组的学习率",
    "learning rates of parameter groups": "各参数组的学习率",
    "Loss": "损失",
    "loss": "损失",
    "cross-entropy in nats": "交叉熵，单位 nat",
    "Gradient norm": "梯度范数",
    "gradient norm": "梯度范数",
    "Update-to-weight ratio": "更新与权重之比",
    "update-to-weight ratio": "更新与权重之比",
    "norm of the change over norm of the weights": "变化量范数 / 权重范数",
    "Critical learning rate": "临界学习率",
    "critical learning rate": "临界学习率",
    "critical, where it was measured": "临界值（测量处）",
    "used": "实际",
    "planned": "计划",
    "plan": "计划",
    "log": "日志",
    "recognized": "识别结果",
    "each update": "每一步",
    "mean of {width}": "{width} 步滑动平均",
    "validation": "验证",
    "validation loss": "验证损失",
    "validation accuracy": "验证准确率",
    "peak learning rate": "峰值学习率",
    "a phase hands over": "阶段交替",
    "a phase hands over, the first {many} times": "阶段交替（前 {many} 次）",
    "clipped to {norm}": "裁剪到 {norm}",
    "they part, at update {update}": "从第 {update} 步起不同",
    "spike": "损失尖峰",
    "skip": "跳过更新",
    "resume": "恢复训练",
    "stop": "停止",
    "other events": "其他事件",
    "{kind:said} ({many})": "{kind}（{many}）",
    "{kind:said} ({many}, {marked} of them marked)": "{kind}（{many}，标出 {marked}）",
})  # fmt: skip


def spoken(text: object, language: str) -> str:
    """A message in a language; what is none yet by the sentences above."""
    from preheat.errors import Refusal
    from preheat.messages import Joined, Message, joined
    from preheat.messages.languages import tell

    if language == "zh" and isinstance(text, Joined):
        text = joined(text.separator, [spoken(one, language) for one in text.items])
    elif language == "zh" and isinstance(text, Message) and not isinstance(text, Refusal):
        inside = {name: spoken(one, language) if isinstance(one, str) else one for name, one in text.arguments.items()}
        text = Message(text.id, inside, plural=text.plural, context=text.context)
    told = tell(text, language)
    if language != "zh" or told != str(text):
        return told
    every = (AUDITS, FIGURES)
    return "\n".join(
        next((found for sayings in every if (found := sayings.of(line))), line) for line in told.split("\n")
    )
