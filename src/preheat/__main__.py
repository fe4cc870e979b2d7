"""``python -m preheat`` is the ``preheat`` command."""

from preheat.cli.launch import main

if __name__ == "__main__":
    main()
