"""The verb that packs features for corpora larger than memory."""

from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import app


@app.command()
def shard(
    given: Annotated[
        Path, typer.Argument(metavar="DUMP", help="Folder written by `translate extract`.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the shards.")],
    size: Annotated[float, typer.Option(min=0.001, help="Size of a shard in MB (10**6 bytes).")] = 256,
) -> None:
    """Pack features into tar files (WebDataset), which training streams with constant memory.

    Run again, it repairs missing and damaged shards. Pictures need no shards: training reads their files.

    Examples:

      translate shard dump shards --size 256

      translate train --config conf/stargan_vc2.yaml --features shards --out exp/one --domains SF1,SF2,TM1,TM2
    """
    from translate.jobs.shard import shard_corpus

    shard_corpus(given, out, size)
