"""Kill a process before each of its calls that change files, one run for each call."""

import os
import signal
import sys

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.symlink", "os.link", "os.chmod", "os.truncate")


def kill_at_call(number, action):
    """Run `action` in another process that is killed (SIGKILL) before its call `number` on files; 0 is the first.

    Counted are opening for writing, renaming, removing, making and linking, with Python's audit events, and `os.fsync`,
    which has none. What a call did is on disk before the next one comes, so that every state in between is met.

    Returns:
        Whether it was killed; else it had fewer calls and ended well.
    """
    child = os.fork()
    if child == 0:
        try:
            _count_to(number)
            action()
        except BaseException as error:                              # no test may go on in the child
            print(f"the process failed: {error!r}", file=sys.__stderr__)
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


def _count_to(number):
    left, sync = [number], os.fsync

    def count():
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1

    def hear(event, arguments):
        writes = event == "open" and arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if event in CHANGES or writes:
            count()

    def fsync(descriptor):
        count()
        sync(descriptor)

    os.fsync = fsync
    sys.addaudithook(hear)
