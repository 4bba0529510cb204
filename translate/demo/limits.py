"""Limits of requests to the demo, and messages for refused ones."""

import functools
import html
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import gradio

from translate.errors import UserError

QUEUE = "convert"                                                   # the queue of all computations

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Limits:
    """The limits of a request.

    Attributes:
        max_seconds: longest recording in seconds.
        max_pixels: largest image, height times width.
        max_bytes: largest uploaded file.
        concurrency: number of conversions that run at once; the others wait.
    """

    max_seconds: float = 30.0
    max_pixels: int = 2**22
    max_bytes: int = 20 * 2**20
    concurrency: int = 1


class Refusal(gradio.Error):
    """An error shown as a message on the page, without a stack trace there or in the server's log."""

    def __init__(self, message: str):
        super().__init__(html.escape(message, quote=False), print_exception=False)


def polite(function: Callable[P, R]) -> Callable[P, R]:
    """Wrap `function` for a button: turn a `UserError` into a `Refusal`.

    The server's paths mean nothing to visitors: paths of files among the arguments are shortened to their names.
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
