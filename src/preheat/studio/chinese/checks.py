"""What pre-flight checks find and advise."""

from __future__ import annotations

from preheat.studio.chinese.sayings import Sayings

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
