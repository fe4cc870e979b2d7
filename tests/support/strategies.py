"""Schedules of every kind, drawn."""

from dataclasses import fields

from hypothesis import strategies as st

from preheat.schedule import Phase, PhaseSchedule, curves, maximum, minimum

factors = st.floats(0, 1)
lengths = st.integers(0, 50)


def _option(item):
    """Values for one parameter of a curve: those that stand with it."""
    if isinstance(item.default, bool):
        return st.booleans()
    usual = item.metadata["usual"]
    return st.floats(*usual) if len(usual) == 2 else st.sampled_from(usual)


def _curves(kind):
    """A curve with options drawn, and mostly plain where it has none given."""
    drawn = st.builds(kind, **{item.name: _option(item) for item in fields(kind)})
    # RAdam's own 0.999 is too near to 1: the last digits of its difference are the arithmetic's own.
    return drawn if kind is curves.Rectification else st.one_of(st.just(kind()), drawn)


every_curve = st.one_of([_curves(kind) for kind in curves.CURVES.values() if kind is not curves.Constant])


@st.composite
def phases(draw, least=0):
    """One phase; ``start`` may be left to the phase before."""
    convention = draw(st.sampled_from(["native", "transformers"]))
    length = draw(st.integers(least, 50))
    if draw(st.booleans()):
        level = draw(st.one_of(st.none(), factors))
        return Phase(curve=curves.Constant(), length=length, start=level, end=level)
    return Phase(
        curve=draw(every_curve),
        length=length,
        start=draw(st.one_of(st.none(), factors)),
        end=draw(factors),
        skip=draw(st.integers(0, max(0, length - 1))),
        convention=convention,
    )


sequences = st.lists(phases(), min_size=1, max_size=5).map(lambda parts: PhaseSchedule(tuple(parts)))
_cycles = st.lists(phases(least=1), min_size=1, max_size=3).map(lambda parts: PhaseSchedule(tuple(parts)))


def _composed(inner):
    return st.one_of(
        st.builds(lambda a, b: a >> b, inner, inner),
        st.builds(lambda a, b: a * b, inner, inner),
        st.builds(minimum, inner, inner),
        st.builds(maximum, inner, inner),
        st.builds(lambda a, n: a.until(n), inner, lengths),
        st.builds(lambda a, n: a.shift(n), inner, st.integers(-20, 20)),
        st.builds(lambda a, n, start: a.blend(n, start), inner, lengths, st.one_of(st.none(), factors)),
        st.builds(lambda a, floor: a.clip(floor, 1.0), inner, factors),
        st.builds(lambda a, floor: a.lift(floor), inner, factors),
        st.builds(
            lambda a, times, growth, scale, floor: a.repeat(times, growth=growth, scale=scale, floor=floor),
            _cycles,
            st.integers(1, 4),
            st.sampled_from([1.0, 1.5, 2.0]),
            st.floats(0.2, 1),
            factors,
        ),
    )


schedules = st.recursive(sequences, _composed, max_leaves=4)
