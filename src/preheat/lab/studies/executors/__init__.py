"""Where stages are trained: processes of this machine, workers of a cluster, or what keeps to the same protocol."""

from preheat.lab.studies.executors.dask import DaskCluster as DaskCluster
from preheat.lab.studies.executors.local import LocalProcesses as LocalProcesses
from preheat.lab.studies.stage import Done as Done
from preheat.lab.studies.stage import Executor as Executor
