"""Verbs that share trained models in folders and on the Hub."""

from typing import Annotated

import typer

from translate.cli.app import app

Card = Annotated[str | None, typer.Option(help="Markdown with sections of the model card.", metavar="FILE")]


@app.command()
def share(
    run: Annotated[str, typer.Argument(help="Run or checkpoint, such as exp/one.")],
    folder: Annotated[str, typer.Argument(help="Folder of the shared checkpoint.")],
    card: Card = None,
    half: Annotated[bool, typer.Option("--half", help="16 bits per weight: half the size, rounded.")] = False,
) -> None:
    """Write the parts of a run that conversion needs, and a model card, without anything that could run code.

    The shared checkpoint converts as the run does; training cannot go on from it, but may start from it
    (train.start_from). Sections of an existing card are kept, so that it can be edited by hand.

    Examples:

      translate share exp/one shared/one

      translate share exp/one shared/one --card card.md
    """
    from translate.jobs.share import share_run

    print(share_run(run, folder, card, half))


@app.command()
def push(
    run: Annotated[str, typer.Argument(help="Run, checkpoint or shared checkpoint.")],
    target: Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; or a folder: ./..., /..., ~... or file://...")],
    private: Annotated[bool, typer.Option("--private", help="Hub: make the repository private.")] = False,
    card: Card = None,
) -> None:
    """Share a run on the Hugging Face Hub (HF_TOKEN), or in a folder such as a team's network drive.

    Examples:

      translate push exp/one alice/my-voices --private

      translate push exp/one /mnt/team/models/my-voices
    """
    from translate.jobs.share import push as push_run

    print(push_run(run, target, private, card))


@app.command()
def pull(
    origin: Annotated[str, typer.Argument(help="OWNER/NAME on the Hub; or a folder, as for push.")],
    folder: Annotated[str, typer.Argument(help="Folder of the copy.")],
    revision: Annotated[str | None, typer.Option(help="Hub: branch, tag or commit.")] = None,
) -> None:
    """Get a shared checkpoint from the Hub or from a folder; its files are checked before they are used.

    To convert without a local copy: translate convert hf://OWNER/NAME ...

    Example:

      translate pull alice/my-voices shared/voices
    """
    from translate.jobs.share import pull as pull_checkpoint

    print(pull_checkpoint(origin, folder, revision))
