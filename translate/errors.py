"""The one exception that users meet."""


class UserError(Exception):
    """Bad input, told in one line: the file, key or value, what was expected, what to do.

    The command line prints the message and exits with status 2; it never shows a traceback for it.
    """
