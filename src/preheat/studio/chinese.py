"""What checks and audits find, in Chinese: a short name for each kind, beside preheat's own English sentence."""

from __future__ import annotations

# By the code of a finding of preheat.check.
FINDINGS = {
    "always-zero": "学习率始终为 0",
    "first-update-at-zero": "第一步的学习率为 0，没有训练",
    "first-update-at-peak": "预热前第一步已是峰值",
    "no-warm-up": "没有预热，第一步就是峰值",
    "warm-up-not-finished": "训练结束时预热还没完成",
    "long-warm-up": "预热占了一半以上",
    "ends-before-run": "计划先于训练结束",
    "ends-after-run": "训练先于计划结束",
    "ends-at-peak": "最后一步又回到峰值",
    "end-value-not-used": "终值在最后一步之后才到",
    "warm-up-below-floor": "预热起点低于终值",
    "jump": "学习率突然下降",
    "late-restart": "临近结束时重启",
    "restart": "学习率突然上升（重启）",
    "above-base": "高于基准学习率",
    "mostly-near-zero": "大部分时间接近 0",
    "metric-in-warm-up": "预热期间指标可能改变学习率",
    "floor-above-base": "下限高于参数组的学习率",
}

# By the kind of a finding of preheat.audit.
KINDS = {
    "equal": "与计划一致",
    "logged-late": "晚记录了一步",
    "ahead": "计划提前开始",
    "fast-clock": "每步更新走了多步计划",
    "slow-clock": "多步更新才走一步计划",
    "skipped-updates": "有跳过的更新，计划随之落后",
    "other-horizon": "总步数不同",
    "other-warm-up": "预热长度不同",
    "other-floor": "终值不同",
    "other-group": "另一参数组的学习率",
    "frozen": "学习率停住不动",
    "rises-past-end": "结束之后又上升",
    "jump": "学习率跳变（可能是恢复训练）",
    "other-schedule": "是另一种计划",
    "unexplained": "无法解释",
}
