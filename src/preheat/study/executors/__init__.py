"""Where stages are trained: processes of this machine, workers of a cluster, or what keeps to the same protocol."""

from preheat.study.executors.base import Done as Done
from preheat.study.executors.base import Executor as Executor
from preheat.study.executors.dask import DaskCluster as DaskCluster
from preheat.study.executors.local import LocalProcesses as LocalProcesses
