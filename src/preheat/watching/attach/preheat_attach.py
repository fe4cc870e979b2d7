"""Attaches the recorder to torch, in the moment a watched process imports it."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from preheat_recorder import Recorder  # type: ignore[import-not-found]  # beside this file


class _AfterImport:
    """A finder that runs a function once a module has been imported, and is no finder otherwise."""

    def __init__(self, waiting: dict[str, Any]) -> None:
        self.waiting = waiting

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The module's spec as the other finders have it, with the function added to its execution."""
        act = self.waiting.pop(name, None)  # first, since the other finders are asked for the same name below
        if act is None:
            return None
        if not self.waiting and self in sys.meta_path:
            sys.meta_path.remove(self)  # all are there: imports cost the script nothing from now on
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
            loader: Any = None if spec is None else spec.loader
            if hasattr(loader, "exec_module"):
                run = loader.exec_module

                def executed(module: Any, run: Any = run, act: Any = act) -> None:
                    run(module)
                    try:
                        act(module)
                    except Exception as error:  # an unknown torch: the script runs on, unwatched
                        sys.stderr.write(f"preheat watch: not attached to {module.__name__}: {error}\n")

                loader.exec_module = executed
                return spec
        return None


class _Attachment:
    """What is done to each of torch's modules once it is there."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self.handles: list[Any] = []
        self.torch_optimizer: Any = None

    def to_optimizers(self, module: Any) -> None:
        """Hook every optimizer's updates."""
        self.torch_optimizer = module
        self._hook(self._safely("before_update"), self._safely("after_update"))

    def to_compiler(self, module: Any) -> None:
        """Keep the hooks out of compiled graphs, where something is compiled at all."""
        for handle in self.handles:
            handle.remove()
        self._hook(module.disable(self._safely("before_update")), module.disable(self._safely("after_update")))

    def to_schedulers(self, module: Any) -> None:
        """See schedulers being made, of torch's classes and of those that people derive from them."""

        def later(kind: Any, /, **kwargs: Any) -> None:
            super(module.LRScheduler, kind).__init_subclass__(**kwargs)
            self._see_made(kind)

        # Each class with an __init__ of its own; the others inherit one that is wrapped.
        for kind in list(vars(module).values()):
            if isinstance(kind, type) and issubclass(kind, module.LRScheduler):
                self._see_made(kind)
        module.LRScheduler.__init_subclass__ = classmethod(later)

    def to_gradients(self, module: Any) -> None:
        """Count backward passes."""
        module.backward = self.recorder.wrap_backward(module.backward)

    def to_scalers(self, module: Any) -> None:
        """See updates that a gradient scaler skips."""
        module.GradScaler.step = self.recorder.wrap_scaler(module.GradScaler.step)

    def _hook(self, before: Any, after: Any) -> None:
        self.handles = [
            self.torch_optimizer.register_optimizer_step_pre_hook(before),
            self.torch_optimizer.register_optimizer_step_post_hook(after),
        ]

    def _see_made(self, kind: Any) -> None:
        if "__init__" in kind.__dict__:
            kind.__init__ = self.recorder.wrap_init(kind.__dict__["__init__"])

    def _safely(self, name: str) -> Any:
        """A hook that ends the recording when it fails, and never the training."""
        recorder = self.recorder

        def guarded(optimizer: Any, _args: Any, _kwargs: Any) -> None:
            if recorder.stopped:
                return
            try:
                getattr(recorder, name)(optimizer)
            except Exception as error:
                with contextlib.suppress(Exception):
                    recorder.write("broken", f"{type(error).__name__}: {error}")
                recorder.stopped = True

        return guarded


def attach(folder: str) -> None:
    """Record the updates of every torch optimizer of this process into ``folder``."""
    to = _Attachment(Recorder(folder))
    # Nothing is imported here: a process that never imports torch is left as it is.
    waiting = {
        "torch.optim.optimizer": to.to_optimizers,
        "torch.optim.lr_scheduler": to.to_schedulers,
        "torch.autograd": to.to_gradients,
        "torch.amp.grad_scaler": to.to_scalers,
        "torch._dynamo": to.to_compiler,
    }
    sys.meta_path.insert(0, _AfterImport(waiting))
