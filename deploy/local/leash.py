"""Starts one program that cannot outlive its parent: `leash.py SIGNAL UID GID PARENT -- PROGRAM ARGS`.

A script of its own, because prctl must follow the change of user (the kernel clears the parent-death signal
then), and because code between fork and exec of a process with threads is unsafe.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    # A shell starts what it puts into the background with SIGINT ignored, and that would be inherited: the program
    # would not hear the signal that asks it to stop.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    death_signal, uid, gid, parent = (int(word) for word in sys.argv[1:5])
    if uid >= 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # it died before the line above
            sys.exit(1)
    program = sys.argv[6:]
    os.execvp(program[0], program)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
