"""The way into `hadir`, before anything slow is imported."""

import signal


def main() -> None:
    """Run the command line. Until that can say something of a Ctrl-C, one ends the process in silence."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from deploy.cli import main as commands

    commands()
