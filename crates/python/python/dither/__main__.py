"""The program `dither`: ``python -m dither check model.onnx`` and so on; ``--help`` tells the commands."""

import signal
import sys

from . import _dither


def main():
    # The program listens for Ctrl-C itself, and lets what runs finish its step.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(_dither.main(["dither", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
