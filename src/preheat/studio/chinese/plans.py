"""The arithmetic of a plan."""

from __future__ import annotations

from preheat.studio.chinese.sayings import Sayings

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
