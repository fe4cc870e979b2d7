"""What was measured, in the few words of a table's cell."""

import re

from lab import Ended

_LONGEST = 90  # characters of an error message
USED = "exists and is not empty"


def resumed(ended: Ended, uncut: Ended, newest: int) -> str:
    """What became of a resumed run, beside the one that nothing happened to.

    Args:
        ended: the resumed run.
        uncut: the same job without a mishap.
        newest: updates made at the newest checkpoint; going on from another one is said.
    """
    if ended.code:
        return failed(ended)
    if ended.start is None or not ended.updates:
        return f"trains nothing{told(ended, uncut)}"
    where = "" if ended.start == newest else "starts over: " if ended.start == 0 else f"goes on from {ended.start}: "
    if same(ended, uncut):
        return f"{where}same bits" + (told(ended, uncut) if where else "")
    return f"{where}differs{told(ended, uncut)}"


def fallen_back(ended: Ended, uncut: Ended) -> str:
    """The same where it could not be known from which checkpoint the run would go on."""
    words = resumed(ended, uncut, ended.start or 0)
    if ended.code or not ended.updates:
        return words
    warned = ", warns" if words == "same bits" and told(ended, uncut) == ", warns" else ""
    return f"goes on from {ended.start}{warned}: {words}"


def same(ended: Ended, uncut: Ended) -> bool:
    """Whether a resumed run is the uncut one to the last bit, from where it begins to its end."""
    later = {update: seen for update, seen in uncut.updates.items() if update >= (ended.start or 0)}
    return ended.updates == later and ended.weights == uncut.weights


def told(ended: Ended, uncut: Ended, expected: str = USED) -> str:
    """Whether a run has warned of anything that the uncut one has not, numbers and folders aside.

    A warning with ``expected`` in it does not count: that a folder is used says nothing to somebody who resumes.
    """
    known = {_bare(warning) for warning in uncut.warnings}
    new = [warning for warning in ended.warnings if _bare(warning) not in known]
    return ", warns" if any(not expected or expected not in warning for warning in new) else ", silently"


def failed(ended: Ended) -> str:
    """A run that ended by an error or a signal."""
    if not ended.error:
        return f"exit {ended.shown_code}"
    return f"error: {short(ended.error)}"


def refused(ended: Ended) -> str:
    """A run that ended by an error, of which it is said where no update was made before it."""
    return failed(ended) if ended.updates or not ended.error else f"refused: {short(ended.error)}"


def short(message: str) -> str:
    """As much of a message as a cell takes; a bar would end the cell."""
    message = " ".join(message.replace("|", "/").split())
    return message if len(message) <= _LONGEST else message[: _LONGEST - 3].rsplit(" ", 1)[0] + " ..."


def _bare(warning: str) -> str:
    return re.sub(r"\d+|/\S+", "", warning)


def rates_of(ended: Ended, uncut: Ended, share: float) -> str:
    """From which update on a resumed run uses rates that are ``share`` of the uncut one's.

    Args:
        ended: the resumed run.
        uncut: the run before the change.
        share: new rate over old rate.
    """
    if ended.code:
        return failed(ended)
    before = {update: float.fromhex(rate) for update, (_, rate) in uncut.updates.items()}
    after = {update: float.fromhex(rate) for update, (_, rate) in ended.updates.items()}
    new = [update for update, rate in after.items() if abs(rate - share * before[update]) < 1e-6 * before[update]]
    if all(rate == before[update] for update, rate in after.items()):
        return f"ignored{told(ended, uncut)}"
    if new and new == list(range(new[0], max(after) + 1)):
        return "new rate " + (
            "from the next update on" if new[0] == ended.start else f"{new[0] - (ended.start or 0)} updates late"
        )
    return "rates that are neither"
