"""Texts about a model for cards and the demo."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """Texts about a model; made by `Model.describe`.

    Attributes:
        subject: suffix of the model's name in a title, such as `: SF1, TM1`; None where the domains say nothing.
        pipeline: name of the task on the Hub.
        tag: tag of the task for a search on the Hub.
        takes: sentences about input and output.
        imports: packages that the example needs besides `translate`.
        opening, call: lines of Python that read an example and convert it with `model`.
        command: arguments of the example after `translate convert RUN`, or another verb.
        verb: verb of the command.
    """

    subject: str | None
    pipeline: str
    tag: str
    takes: str
    imports: str
    opening: str
    call: str
    command: str
    verb: str = "convert"
