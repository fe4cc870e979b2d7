"""Floor 1: how many updates a run takes."""

from preheat.plan.plan import Plan as Plan
