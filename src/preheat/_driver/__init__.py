"""Floor 3: thin drivers, one file a framework. No maths here: they write what a schedule says."""
