"""What describes a schedule in numbers, how exact a copy of it is, and the schedules to start from."""

from __future__ import annotations

from preheat.studio.chinese.sayings import Sayings

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
