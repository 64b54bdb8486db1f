"""`holdfast` and `python -m holdfast`.

The process is isolated before anything else is loaded; then the command line begins.
"""

from holdfast.process.isolated import isolate


def main() -> None:
    """Runs one command and ends."""
    isolate()
    from holdfast.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
