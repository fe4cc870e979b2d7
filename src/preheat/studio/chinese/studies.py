"""What a study says: its cost, verdicts, peaks, and advice."""

from __future__ import annotations

from preheat.studio.chinese.sayings import Sayings

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
