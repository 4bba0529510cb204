"""What the demo accepts of strangers, and how it says no."""

import functools
import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import gradio

from translate.errors import UserError

QUEUE = "convert"                                                   # all that computes waits in this one line

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Limits:
    """What one request may ask for.

    Attributes:
        max_seconds: of a recording.
        max_pixels: of a picture, height times width.
        max_bytes: of an uploaded file.
        concurrency: conversions that run at once; the others wait.
    """

    max_seconds: float = 30.0
    max_pixels: int = 2**22
    max_bytes: int = 20 * 2**20
    concurrency: int = 1


class Refusal(gradio.Error):
    """A message for the page, without a stack trace there or in the server's log."""

    def __init__(self, message: str):
        super().__init__(html.escape(message, quote=False), print_exception=False)


def polite(function: Callable[P, R]) -> Callable[P, R]:
    """`function` for a button: what it raises as `UserError` becomes a `Refusal`.

    The server's paths mean nothing to visitors: of files among the arguments the message keeps the name alone.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except UserError as error:
            message = str(error)
        for value in (*args, *kwargs.values()):
            if isinstance(value, str | os.PathLike) and str(value):
                message = message.replace(str(value), Path(value).name)
        raise Refusal(message)

    return call
