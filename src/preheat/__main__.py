"""``python -m preheat`` is the ``preheat`` command."""

from preheat.cli.main import run

if __name__ == "__main__":
    run()
