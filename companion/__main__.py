"""Make `python -m companion` the same as the command `companion`."""

from companion.cli import run

if __name__ == "__main__":
    run()
