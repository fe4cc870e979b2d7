"""What happened during a run, and where."""

from __future__ import annotations

from preheat.studio.chinese.sayings import Sayings

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
