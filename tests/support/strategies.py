"""Schedules of every kind, drawn."""

from hypothesis import strategies as st

from preheat.schedule import Phase, PhaseSchedule, curves, maximum, minimum

factors = st.floats(0, 1)
lengths = st.integers(0, 50)
powers = st.floats(0.2, 4)
every_curve = st.one_of(
    st.sampled_from([curves.Linear(), curves.HalfCosine(), curves.MirrorCosine(), curves.CosineEnvelope()]),
    st.builds(curves.Cosine, st.sampled_from([0.5, 1.0, 1.5]), powers, powers),
    st.builds(curves.CosineRestarts, powers),
    st.builds(curves.Polynomial, powers, powers),
    st.builds(curves.OneMinusPower, powers),
    st.builds(curves.Geometric, st.floats(0.01, 0.99)),
    st.just(curves.Logarithmic()),
    st.builds(curves.Rex, st.floats(0, 0.99)),
    st.builds(curves.Tanh, st.floats(-9, -1), st.floats(0, 5)),
    st.builds(curves.Hyperbolic, st.one_of(st.just(0.0), st.floats(50, 200))),
    st.builds(curves.PowerLaw, powers, st.floats(0.5, 1e4)),
    st.builds(curves.Exponential, st.floats(0.1, 1), st.floats(0.5, 50), st.booleans()),
    # A difference of nearly equal numbers: nearer to 1 its last digits are the arithmetic's own.
    st.builds(curves.Rectification, st.floats(0.7, 0.99)),
)


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
