"""What the pages say themselves, in English and in Chinese; what the floors below say is in ``chinese``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

LANGUAGES = {"en": "English", "zh": "中文"}

_WORDS: dict[str, tuple[str, str]] = {
    # the frame
    "design": ("Design", "设计"),
    "plan": ("Plan", "步数计算"),
    "runs": ("Runs", "训练过程"),
    "studies": ("Studies", "对比实验"),
    "audit": ("Audit", "审计"),
    "sections": ("Sections", "栏目"),
    "theme.light": ("Light", "浅色"),
    "theme.dark": ("Dark", "深色"),
    "skip": ("Skip to content", "跳到正文"),
    "copied": ("Copied", "已复制"),
    "colon": (": ", "："),
    # the drawing
    "rate": ("learning rate", "学习率"),
    "axis": ("Count in", "横轴单位"),
    "axis.update": ("update", "更新步"),
    "axis.epoch": ("epoch", "轮次"),
    "axis.token": ("token", "词元"),
    "log": ("Logarithmic rate", "学习率取对数"),
    "mark.warmup": ("warm-up ends", "预热结束"),
    "mark.epoch": ("epoch", "轮次"),
    "mark.checkpoint": ("checkpoint", "检查点"),
    "chart": ("The learning rate of every update", "每一步的学习率"),
    "undo": ("Undo", "撤销"),
    "redo": ("Redo", "重做"),
    "link": ("Copy link", "复制链接"),
    "download": ("Download", "下载"),
    # schedules and phases
    "schedules": ("Schedules", "学习率计划"),
    "schedule": ("Schedule in words, or a name", "用文字描述的计划，或计划名"),
    "start": ("Start from", "从已有计划开始"),
    "add.schedule": ("Add a schedule", "添加计划"),
    "copy.schedule": ("Duplicate", "复制一份"),
    "remove": ("Remove", "删除"),
    "edit": ("Edit this one", "编辑此计划"),
    "phases": ("Phases of schedule", "阶段，计划"),
    "phases.none": (
        "This schedule is made of schedules, or cannot be read: edit it as text.",
        "此计划由多个计划组合而成，或暂时无法解析：请直接编辑文字。",
    ),
    "phases.help": (
        "Drag a border, or focus it and use the arrow keys.",
        "拖动边界，或选中边界后用方向键调整。",
    ),
    "add.warmup": ("Add warm-up", "添加预热"),
    "add.hold": ("Add hold", "添加保持"),
    "add.decay": ("Add decay", "添加衰减"),
    "kind.warmup": ("warm-up", "预热"),
    "kind.hold": ("hold", "保持"),
    "kind.decay": ("decay", "衰减"),
    "curve": ("Curve", "曲线"),
    "length": ("Length", "长度"),
    "from": ("From", "起点"),
    "to": ("To", "终点"),
    "earlier": ("Move earlier", "前移"),
    "later": ("Move later", "后移"),
    "border": ("End of phase", "阶段结束于"),
    # the run
    "run": ("Run", "训练设置"),
    "updates": ("Updates", "更新步数"),
    "peak": ("Peak learning rate", "峰值学习率"),
    "per.epoch": ("Updates in an epoch", "每轮更新步数"),
    "per.update": ("Tokens in an update", "每步词元数"),
    "every": ("Checkpoint every ... updates", "检查点间隔（步）"),
    # numbers
    "numbers": ("What it does", "数值说明"),
    "findings": ("Pre-flight check", "训练前检查"),
    "findings.none": ("Nothing found.", "没有发现问题。"),
    "error": ("error", "错误"),
    "warning": ("warning", "警告"),
    "note": ("note", "提示"),
    "score": ("Score", "评分"),
    "score.help": (
        "Bound on the last iterate over that of a straight line with the same warm-up; each at its own best peak."
        " Lower is better. It cannot choose a warm-up.",
        "末次迭代误差上界与相同预热的直线衰减之比，各自取最佳峰值；越低越好。它不能用来选择预热长度。",
    ),
    "score.bound": ("bound / linear", "上界 / 直线"),
    "score.peak": ("best peak / linear", "最佳峰值 / 直线"),
    "score.long": ("Not scored: the run is longer than 2,000,000 updates.", "未评分：训练超过 2,000,000 步。"),
    "copy": ("Copy as", "复制为"),
    "copy.do": ("Copy", "复制"),
    # plan
    "plan.title": ("How many updates a run takes", "一次训练需要多少步"),
    "examples": ("Examples", "样本数"),
    "batch": ("Batch size of a process", "每进程批大小"),
    "epochs": ("Epochs", "轮数"),
    "accumulation": ("Batches in an update", "梯度累积"),
    "processes": ("Processes", "进程数"),
    "trainer": ("Trainer", "训练器"),
    "drop": ("Leave an incomplete batch out", "丢弃不完整的批"),
    "tail": ("Last group of an epoch", "每轮最后一组"),
    "default": ("as the trainer does", "由训练器决定"),
    "max.steps": ("At most ... updates", "最多更新步数"),
    "row.tokens": ("Tokens in a row", "每样本词元数"),
    "warmup": ("Warm-up", "预热"),
    "arithmetic": ("Arithmetic", "计算过程"),
    "use": ("Use in a design", "用于设计"),
    "command": ("The same on the command line", "对应的命令行"),
    # runs
    "runs.none": ("No run in this folder yet", "此文件夹中还没有训练记录"),
    "runs.start": ("Start one with", "开始训练："),
    "runs.choose": ("Run", "训练"),
    "state.done": ("finished", "已完成"),
    "state.running": ("updates made", "步"),
    "loss": ("loss", "损失"),
    "events": ("Events", "事件"),
    "events.none": ("No event is recorded.", "没有事件记录。"),
    "event.update": ("Update", "步"),
    "event.kind": ("Event", "事件"),
    "event.text": ("What happened", "说明"),
    "event.lr": ("Learning rate", "学习率"),
    "event.border": ("Nearest border of the schedule", "最近的阶段边界"),
    "report": ("Open the report", "打开报告"),
    # studies
    "studies.none": ("No study in this folder yet", "此文件夹中还没有对比实验"),
    "studies.choose": ("Study", "实验"),
    "studies.empty": ("None of its runs has begun.", "还没有任何训练开始。"),
    "peaks": ("{measure}, {updates} updates", "{measure}，每次训练 {updates} 步"),
    "measure": ("Measure", "指标"),
    "accuracy": ("accuracy", "准确率"),
    "interval": ("Bars: 95 % intervals over seeds.", "竖线：不同随机种子的 95% 区间。"),
    "advice": ("What that says", "结论"),
    "lines": ("Lines, the lowest loss first", "各条曲线，损失从低到高"),
    "line.name": ("Schedule, warm-up", "计划与预热"),
    "line.best": ("Best peak", "最佳峰值"),
    "line.verdict": ("Against the lowest", "与最低者相比"),
    "line.sensitivity": ("LR sensitivity", "学习率敏感度"),
    "line.usable": ("Peaks within 1 %", "损失相差 1% 以内的峰值"),
    "line.fails": ("Half of the seeds fail", "半数种子失败的峰值"),
    "cells": ("All cells", "全部组合"),
    "cell.schedule": ("Schedule", "计划"),
    "cell.seeds": ("Seeds", "种子数"),
    "cell.margin": ("± 95 %", "± 95%"),
    "cell.verdict": ("Verdict", "判断"),
    # audit
    "audit.title": ("What a run's learning rate really did", "学习率实际发生了什么"),
    "audit.drop": (
        "Drop a log here: trainer_state.json, CSV, JSON Lines, TensorBoard events",
        "把日志拖到这里：trainer_state.json、CSV、JSON Lines、TensorBoard 事件文件",
    ),
    "audit.against": (
        "The plan, in words or by name; empty: say what it looks like",
        "计划（文字或名称）；留空则识别曲线",
    ),
    "audit.column": ("Column of the learning rate, if its name does not say so", "学习率所在列（名称不明显时填写）"),
    "audit.again": ("Audit", "开始审计"),
    "audit.working": ("Reading and comparing; some logs take ten seconds.", "正在读取并比对；有的日志需要十秒。"),
    "audit.equal": ("As planned", "与计划一致"),
    "audit.other": ("Not as planned", "与计划不一致"),
    "audit.looks": ("Looks like", "看起来像"),
    "audit.cause": ("Likely cause", "可能原因"),
    "audit.log": ("log", "日志"),
    "audit.report": ("Download the report", "下载报告"),
    "optional": ("may be left empty", "可留空"),
}  # fmt: skip


class Words(Mapping[str, str]):
    """The words of one language, by key.

    >>> Words("zh")["warmup"]
    '预热'
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._column = list(LANGUAGES).index(language)

    def __getitem__(self, key: str) -> str:
        return _WORDS[key][self._column]

    def __iter__(self) -> Iterator[str]:
        return iter(_WORDS)

    def __len__(self) -> int:
        return len(_WORDS)


def preferred(accepted: str) -> str:
    """The language a browser asks for first among ours (its ``Accept-Language``), English where it names none.

    >>> preferred("fr, zh-CN;q=0.8, en;q=0.5"), preferred("")
    ('zh', 'en')
    """
    weights = []
    for part in accepted.split(","):
        name, _, quality = part.strip().partition(";q=")
        try:
            weights.append((-float(quality or 1), name[:2].lower()))
        except ValueError:
            continue
    return next((name for _, name in sorted(weights, key=lambda one: one[0]) if name in LANGUAGES), "en")
