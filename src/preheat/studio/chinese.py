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


# --- What pre-flight checks find and advise -------------------------------------------------------------------------


CHECKS = Sayings({
    "every update runs at {rate}": "每一步的学习率都是 {rate}",
    "Raise the schedule above {rate}.": "请把计划抬高到 {rate} 以上。",
    "update {at} runs at {rate} and trains nothing": "第 {at} 步的学习率为 {rate}，等于没有训练",
    'Take the native convention (with_convention("native")), which begins one step higher.':
        '请改用 native 约定（with_convention("native")），它的起点高一级。',
    "update {at} runs at the peak already, before a warm-up of {climb} updates":
        "第 {at} 步就已是峰值，而后面还有 {climb} 步预热",
    "Check where the warm-up starts.": "请检查预热从哪里开始。",
    "update {at} runs at {rate}, the peak": "第 {at} 步的学习率就是峰值 {rate}",
    "Add a warm-up if training shakes at first.": "如果训练初期不稳定，请加上预热。",
    "the warm-up of {climb} updates is not over after {updates}: the highest rate is {rate}":
        "预热长 {climb} 步，训练 {updates} 步时还没结束：学习率最高只到 {rate}",
    "Shorten it, or plan more updates.": "请缩短预热，或增加更新步数。",
    "the warm-up takes {climb} of {updates} updates": "预热占了 {climb} 步，而训练共 {updates} 步",
    "More than half of the run is usually too much.": "超过训练的一半通常太长。",
    "the schedule ends after {horizon} of {updates} updates; the rest run at {rate}":
        "计划在 {horizon} 步后结束，而训练共 {updates} 步；其余各步的学习率为 {rate}",
    "Shape it for the run, or say so with extend().": "请按训练长度设计计划；如果有意如此，请用 extend() 写明。",
    "the run stops after {updates} of {horizon} updates, at {rate}":
        "训练在 {updates} 步后停止，而计划共 {horizon} 步；停止时学习率为 {rate}",
    "Shape it for the run, unless the run goes on later.": "请按训练长度设计计划，除非以后还要接着训练。",
    "the last update is back at {rate}, the peak": "最后一步又回到了峰值 {rate}",
    "Half a wave (cycles {half}) falls once.": "半个波（cycles {half}）只下降一次。",
    "the last update runs at {rate}; the end value, {end}, comes one update later":
        "最后一步的学习率为 {rate}；终值 {end} 要再晚一步才到",
    "The native convention reaches it by the last update.": "native 约定在最后一步到达终值。",
    "the warm-up begins at {rate}, below the end value {end}": "预热从 {rate} 开始，低于终值 {end}",
    "clip(floor=...) keeps the whole run above it.": "clip(floor=...) 可以让整个训练不低于终值。",
    "the rate drops at update {at}: {before} -> {after}": "学习率在第 {at} 步突然下降：{before} -> {after}",
    "Bring the phases together.": "请让前后两个阶段衔接起来。",
    "the rate restarts at update {at}, {left} before the end: {before} -> {after}":
        "学习率在第 {at} 步重启，离结束只有 {left} 步：{before} -> {after}",
    "Let the cycles divide the run.": "请让各个周期正好铺满训练。",
    "the rate jumps up at update {at}: {before} -> {after}": "学习率在第 {at} 步突然上升：{before} -> {after}",
    "Expected of restarts only.": "只有重启才应当如此。",
    "the highest rate is {peak} times the base value": "最高学习率是基准值的 {peak} 倍",
    "A factor of {one} is the peak.": "系数 {one} 就是峰值。",
    "{share} % of the updates run below {low} % of the peak": "有 {share}% 的步学习率低于峰值的 {low}%",
    "A shorter run would do as much.": "更短的训练也能有同样的效果。",
    "a metric may change the rate while it still climbs": "预热还没结束，指标就可能改变学习率",
    "Leave during_warmup out to let it wait.": "请去掉 during_warmup，让它等到预热结束。",
    "the learning rate {rate} of the schedule is above the base value {base} of a group":
        "计划中的学习率 {rate} 高于某个参数组的基准值 {base}",
    "Lower it, or give it as a share of the peak.": "请调低它，或写成峰值的比例。",
    "{message:said}. {advice:said}": "{message}。{advice}",
})  # fmt: skip


# --- The arithmetic of a plan ---------------------------------------------------------------------------------------


PLANS = Sayings({
    "counted as {trainer:text} does": "按 {trainer} 的规则计数",
    "a plain loop": "普通训练循环",
    "examples per batch of all processes: {batch} x {processes} = {found}":
        "所有进程一批的样本数：{batch} x {processes} = {found}",
    "examples per process: {rounding:text}({examples} / {processes}) = {found}":
        "每个进程的样本数：{rounding}({examples} / {processes}) = {found}",
    "batches per epoch: {rounding:text}({examples} examples / {batch}) = {found}":
        "每轮批数：{rounding}({examples} 个样本 / {batch}) = {found}",
    "updates per epoch: {batches} batches / {accumulation} = {found}, batches left over count for the next epoch":
        "每轮更新步数：{batches} 批 / {accumulation} = {found}，剩下的批计入下一轮",
    "updates per epoch: {rounding:text}({batches} batches / {accumulation}) = {found}":
        "每轮更新步数：{rounding}({batches} 批 / {accumulation}) = {found}",
    "tokens per update: {samples} samples x {tokens} = {found}": "每步词元数：{samples} 个样本 x {tokens} = {found}",
    "updates: unknown, the run has no end yet": "更新步数：未知，训练还没有终点",
    "updates: max_steps = {steps}": "更新步数：max_steps = {steps}",
    "updates: max_steps = {steps}, which wins over epochs": "更新步数：max_steps = {steps}，优先于轮数",
    "updates: min({updates}, max_steps {steps}) = {found}": "更新步数：min({updates}, max_steps {steps}) = {found}",
    "updates: {sum:said + } = {found}": "更新步数：{sum} = {found}",
    "epochs: {updates} updates / {each} = {found}": "轮数：{updates} 步 / {each} = {found}",
    "warm-up: {warmup:text} of {updates} updates = {found}": "预热：{updates} 步的 {warmup} = {found}",
    "warm-up: {warmup:text} = {found}": "预热：{warmup} = {found}",
    # what is added up
    "{updates} updates x {epochs} epochs": "{updates} 步 x {epochs} 轮",
    "{batches} batches x {epochs} epochs": "{batches} 批 x {epochs} 轮",
    "ceil({updates} x {epochs} epochs)": "ceil({updates} x {epochs} 轮)",
    "ceil({whole:said})": "ceil({whole})",
    "floor({whole:said} / {accumulation})": "floor({whole} / {accumulation})",
    "ceil({batches} batches / {accumulation})": "ceil({batches} 批 / {accumulation})",
    "floor({batches} batches / {accumulation})": "floor({batches} 批 / {accumulation})",
    "ceil({samples} samples / {batch})": "ceil({samples} 个样本 / {batch})",
    "ceil({tokens} tokens / {batch})": "ceil({tokens} 个词元 / {batch})",
})  # fmt: skip


# --- What happened during a run, and where --------------------------------------------------------------------------


RUNS = Sayings({
    # kinds of events
    "spike": "损失尖峰",
    "skip": "跳过更新",
    "resume": "恢复训练",
    "stop": "停止",
    "end": "提前结束",
    # what happened
    "loss {loss} where {usual} is usual ({far} deviations above); {near:said}, learning rate at {share} of the peak":
        "损失为 {loss}，平常约 {usual}（高出 {far} 个标准差）；{near}，学习率为峰值的 {share}",
    "at the update {what:said} (update {at})": "正是{what}的那一步（第 {at} 步）",
    "{many} update(s) after {what:said} (update {at})": "在{what}（第 {at} 步）之后 {many} 步",
    "{many} update(s) before {what:said} (update {at})": "在{what}（第 {at} 步）之前 {many} 步",
    "the run began": "训练开始",
    "the run was resumed": "恢复训练",
    "one was skipped": "跳过更新",
    "the learning rate was restarted": "学习率重启",
    "the warm-up ended": "预热结束",
    "the decay began": "衰减开始",
    "the decay ended": "衰减结束",
    "a phase ended": "阶段结束",
    "the gradients overflowed in half precision; the scale was lowered": "半精度下梯度溢出；已调低缩放系数",
    "update {at} must be made of finite numbers; got '{found:said}'. The update was not made and nothing of it is"
    " saved; lower the rate or look at the rows.":
        "第 {at} 步更新含有非有限数：{found}。这一步没有执行，也没有保存任何内容；请调低学习率，或检查这些行。",
    "loss {loss}, gradient norm {norm}; rows {rows:text} ({where:text})":
        "损失 {loss}，梯度范数 {norm}；第 {rows} 行（{where}）",
    "asked by {who:text}": "收到 {who}",
    "from the start": "从头开始",
    "from the start; {changes:said; }": "从头开始；{changes}",
    "from {checkpoint:word}; {changes:said; }": "从 {checkpoint} 恢复；{changes}",
    "{setting:text}: saved {before:text}, now {after:text}": "{setting}：保存的是 {before}，现在是 {after}",
    "from {checkpoint:word}": "从 {checkpoint} 恢复",
    # the learning rate there, and the border
    "{lr} ({share} of the peak)": "{lr}（峰值的 {share} 倍）",
    "not recorded": "没有记录",
    "none": "无",
    "here, at {at}": "就在此处，第 {at} 步",
    "{at}, {many} later": "第 {at} 步，还有 {many} 步",
    "{at}, {many} before": "第 {at} 步，已过 {many} 步",
})  # fmt: skip


# --- What describes a schedule in numbers, how exact a copy of it is, and the schedules to start from ---------------


SCHEDULES = Sayings({
    "updates {first} to {last}: {phase:text}": "第 {first} 至 {last} 步：{phase}",
    "updates {first} on: {phase:text}": "第 {first} 步起：{phase}",
    "learning rate at update {at}: {rate}; {rest:said; }": "第 {at} 步学习率 {rate}；{rest}",
    "peak {peak} at update {at}": "峰值 {peak}，在第 {at} 步",
    "at the last update, {at}: {rate}": "最后一步（第 {at} 步）{rate}",
    "then held at {rate}": "此后保持 {rate}",
    "sum of the learning rates: {sum}, as {peaks} updates at the peak; {low} updates below {share} % of the peak":
        "学习率总和 {sum}，相当于以峰值训练 {peaks} 步；有 {low} 步低于峰值的 {share}%",
    "sum of the learning rates: about {sum}, as {peaks} updates at the peak; {low} updates below {share} % of the peak":
        "学习率总和约 {sum}，相当于以峰值训练 {peaks} 步；有 {low} 步低于峰值的 {share}%",
    "the run stops at update {run} of {horizon}: the learning rate is {rate} there, and the rest of the schedule is"
    " never used":
        "训练在第 {run} 步停止，而计划共 {horizon} 步：此时学习率为 {rate}，计划的其余部分用不到",
    "the run goes on for {more} updates past the schedule's end, at {rate}":
        "计划结束后训练还要继续 {more} 步，学习率为 {rate}",
    # copies
    "exact: the same rate at every update": "完全一致：每一步的学习率都相同",
    "nearest: off by {error} at most, at update {at}": "最接近的写法：最多相差 {error}，在第 {at} 步",
    # schedules to start from, by the names that are not the library's own
    "linear (native)": "线性衰减（native）",
    "cosine (native)": "余弦衰减（native）",
    "cosine to a tenth": "余弦衰减到峰值的十分之一",
    "warm-up, stable, decay ({curve:text})": "预热、保持、衰减（{curve}）",
    "falling as a square": "按平方衰减",
    "one cycle": "单周期（one cycle）",
    "cosine, three cycles": "余弦，三个周期",
    "geometric to a hundredth": "按等比衰减到峰值的百分之一",
})  # fmt: skip


# --- What a study says: its cost, verdicts, peaks, and advice -------------------------------------------------------


STUDIES = Sayings({
    "runs: {done} of {runs}; {trained} updates trained for {alone} updates of runs":
        "已完成 {done} 次训练，共 {runs} 次；实际训练 {trained} 步，逐个训练需要 {alone} 步",
    "runs: {done} of {runs}; {trained} updates trained for {alone} updates of runs ({ratio})":
        "已完成 {done} 次训练，共 {runs} 次；实际训练 {trained} 步，逐个训练需要 {alone} 步（{ratio}）",
    # verdicts
    "not trained yet": "还没有训练",
    "lowest": "最低",
    "lowest mean": "平均值最低",
    "worse": "更差",
    "worse by {more}": "差 {more}",
    "one seed tells no difference": "一个种子看不出差别",
    "not distinguishable with {seeds} seed(s)": "{seeds} 个种子分不出差别",
    "{wrong} of {runs} went wrong": "{wrong} 次训练出错，共 {runs} 次",
    # peaks
    "one peak tried": "只试了一个峰值",
    "{peak} alone": "只有 {peak}",
    "{low} to {high} ({ratio}x)": "{low} 至 {high}（{ratio} 倍）",
    "{peaks:said}, or more on both sides": "{peaks}，两侧可能更宽",
    "{peaks:said}, or lower": "{peaks}，可能更低",
    "{peaks:said}, or higher": "{peaks}，可能更高",
    "above {peak}, the highest tried": "高于 {peak}（试过的最高值）",
    "no peak that was tried trains": "试过的峰值都训练失败",
    "between {low} and {high}": "在 {low} 与 {high} 之间",
    # advice
    "No line has a seed that has ended at every peak yet.": "还没有哪条曲线有种子在所有峰值上都训练完毕。",
    "No line came below the loss of an untrained model, {loss}: nothing was learned, so nothing is ranked. Train"
    " longer, at other peaks, or a larger model.":
        "没有一条曲线低于未训练模型的损失 {loss}：什么也没有学到，因此不作排名。"
        "请训练更久、换其他峰值，或用更大的模型。",
    "Lowest loss, {loss}: {line:name}, peak {peak}.": "损失最低（{loss}）：{line}，峰值 {peak}。",
    "Lowest loss, {loss}: {line:name}, peak {peak}; within {share} % of it: {peaks:said}.":
        "损失最低（{loss}）：{line}，峰值 {peak}；损失相差不超过 {share}% 的峰值：{peaks}。",
    "One seed tells no difference: add seeds with --extend.": "一个种子看不出差别：请用 --extend 增加种子。",
    "Not distinguishable from it: {lines:name; }.": "与它分不出差别：{lines}。",
    "Worse: {lines:said; }.": "更差：{lines}。",
    "One peak was tried: at the best peak of each line the order may be another.":
        "只试了一个峰值：如果各取最佳峰值，次序可能不同。",
    "The best peak is the last one tried on its side: widen the range before believing it.":
        "最佳峰值落在所试范围的边缘：请先扩大范围，再下结论。",
    "{schedule:text}: at its best peak the length of the warm-up makes no difference that {seeds} seed(s) show(s).":
        "{schedule}：在最佳峰值下，{seeds} 个种子看不出预热长度的影响。",
    "{schedule:text}: LR sensitivity less that of warm-up {warmup:text}, by warm-up, {each:said; }.":
        "{schedule}：各预热长度的学习率敏感度减去预热 {warmup} 的敏感度：{each}。",
    "{schedule:text}: the peak at which half of the seeds fail, by warm-up, {each:said; }.":
        "{schedule}：各预热长度下，半数种子失败的峰值：{each}。",
    "Adam's untuned warm-up (Ma & Yarats {year}) would be {updates} updates.":
        "按 Adam 的经验预热长度（Ma & Yarats {year}），应为 {updates} 步。",
    "Whether runs may be stopped early is not known: {why:said}": "能否提前停止训练尚不清楚：{why}",
    "runs must be {least} or more; got {runs}. Of fewer, an order that agrees is chance.":
        "至少需要 {least} 次训练，现有 {runs} 次；再少的话，次序相同只是偶然。",
    "run {run:text} must be logged shortly before {share} of it; got None. Log the loss more often, or leave the rung"
    " out.":
        "训练 {run} 在进行到 {share} 之前不久没有损失记录；请更频繁地记录损失，或不看这一时刻。",
    "Spearman between training loss half-way and final loss, {where:said}: {found:said}: runs like these {may:said}"
    " ({least} is asked for).":
        "半程训练损失与最终损失的 Spearman 相关（{where}）：{found}；这样的训练{may}（要求 {least}）。",
    "across shapes": "跨形状",
    "over peaks and warm-ups": "跨峰值和预热",
    "{agreement}": "{agreement}",
    "{agreement} (within a shape {within})": "{agreement}（同一形状内 {within}）",
    "may be stopped there": "可以在半程停止",
    "are to be run to their end": "要训练到结束",
    # lines, by their names and what is said of each
    "{warmup:text}: {found}": "{warmup}：{found}",
    "{warmup:text}: {found}, not distinguishable": "{warmup}：{found}，分不出差别",
    "{warmup:text}: {found:said}": "{warmup}：{found}",
    "{line:name} by {more}": "{line}，差 {more}",
    "{schedule:text}, warm-up {warmup:text}": "{schedule}，预热 {warmup}",
})  # fmt: skip


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
    every = (AUDITS, CHECKS, PLANS, RUNS, SCHEDULES, STUDIES, FIGURES)
    return "\n".join(
        next((found for sayings in every if (found := sayings.of(line))), line) for line in told.split("\n")
    )
