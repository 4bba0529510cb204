"""The exception for bad input."""


class UserError(Exception):
    """Bad input. The message is one line: the file, key or value, what was expected, and what to do.

    The command line prints the message without a traceback and exits with status 2.
    """
