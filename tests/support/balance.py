"""How the tests are shared out among processes: by file, so that what a file sets up is set up once, longest first.

``times.json`` beside this file has what took more than a few seconds when it was recorded: the processor time, with
that of its child processes, of a file, or of a test that is long enough to go by itself. Nothing depends on the numbers
but when the last process is done. They are recorded, on however busy a machine, by

    PREHEAT_RECORD_TIMES=tests/support/times.json scripts/test
"""

import json
import resource
from collections import Counter
from pathlib import Path

TIMES = json.loads(Path(__file__).with_name("times.json").read_text(encoding="utf-8"))
ALONE = 30  # seconds from which on a test is given out by itself: it may have to set up again what its file shares
SHORT = 2  # seconds up to which a file is not worth a line
TOGETHER = {  # a file to the one that it shares with what takes long to set up
    "tests/auditing/test_mistakes.py": "tests/watching/test_watch.py",  # the fixture warm_watched
}


def group_of(nodeid):
    """What is given to one process as a whole: a file, files that share what they set up, or a long test."""
    nodeid = nodeid.partition("@")[0]
    file = nodeid.partition("::")[0]
    return nodeid if nodeid in TIMES else TOGETHER.get(file, file)


def longest_first(items):
    """Order tests by the time of their group; those of one group stay in their order."""
    times = Counter()
    for name, seconds in TIMES.items():
        times[TOGETHER.get(name, name)] += seconds
    items.sort(key=lambda item: -times[group_of(item.nodeid)])


def make_scheduler(config, log):
    """pytest-xdist's scheduler of groups, for these groups."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return group_of(nodeid)

    return ByGroup(config, log)


def processor_seconds():
    """Of this process and the children it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


class Recorder:
    """Adds up what the tests took, and writes ``times.json`` at the end."""

    def __init__(self, path):
        self.path = Path(path)
        self.tests, self.files = Counter(), Counter()
        self.seen = processor_seconds()

    def since_the_last(self):
        """Processor time of this process since it was asked before."""
        before, self.seen = self.seen, processor_seconds()
        return self.seen - before

    def add(self, nodeid, phase, seconds):
        """One phase of one test."""
        self.files[nodeid.partition("::")[0]] += seconds
        if phase == "call":
            self.tests[nodeid] += seconds

    def write(self):
        """The long tests by themselves, the files without them."""
        times = {}
        for nodeid, seconds in self.tests.items():
            if seconds >= ALONE:
                times[nodeid] = seconds
                self.files[nodeid.partition("::")[0]] -= seconds
        times |= {name: seconds for name, seconds in self.files.items() if seconds >= SHORT}
        ordered = {name: round(seconds) for name, seconds in sorted(times.items(), key=lambda one: (-one[1], one[0]))}
        self.path.write_text(json.dumps(ordered, indent=1) + "\n", encoding="utf-8")
