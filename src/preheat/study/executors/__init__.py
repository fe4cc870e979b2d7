"""Where stages are trained: processes of this machine; anything else that keeps to the same small protocol."""

from preheat.study.executors.base import Done as Done
from preheat.study.executors.base import Executor as Executor
from preheat.study.executors.local import LocalProcesses as LocalProcesses
