"""What cards and the demo say about a model."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Description:
    """What is said about a model; made by `Model.describe`.

    Attributes:
        subject: what follows the model's name in a title, such as `: SF1, TM1`; None where the domains tell nothing.
        pipeline: the Hub's name of the task.
        tag: the task, for a search on the Hub.
        takes: sentences about what it takes and gives.
        imports: packages that the example needs besides `translate`.
        opening, call: lines of Python that read an example and convert it with `model`.
        command: what follows `translate convert RUN`.
    """

    subject: str | None
    pipeline: str
    tag: str
    takes: str
    imports: str
    opening: str
    call: str
    command: str
