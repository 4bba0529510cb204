"""The verb that makes samples from noise."""

from pathlib import Path
from typing import Annotated, Any

import typer

from translate.cli.app import app
from translate.cli.use import collect_options


@app.command()
def generate(
    checkpoint: Annotated[Path, typer.Argument(metavar="RUN", help="Checkpoint or run of a model of noise.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="Folder for the pictures; an earlier one is replaced.")],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Options by name, such as seed=1.")
    ] = None,
    count: Annotated[int | None, typer.Option(help="Pictures (64).")] = None,
    seed: Annotated[int | None, typer.Option(help="With its number, decides a picture (0).")] = None,
    label: Annotated[str | None, typer.Option(help="Label of all; default: one after the other.")] = None,
    truncation: Annotated[
        float | None,
        typer.Option(help="Less variety: noise beyond it is drawn again; StyleGAN: styles so near to their mean."),
    ] = None,
    between: Annotated[
        str | None, typer.Option(metavar="N,M", help="The way from picture N to picture M, as a strip and a GIF.")
    ] = None,
    steps: Annotated[int | None, typer.Option(help="Pictures of that way (16).")] = None,
    latents: Annotated[
        str | None, typer.Option(metavar="FILE", help="A latents.safetensors: its pictures again.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[
        str | None, typer.Option(help="float32, or bfloat16: rougher, faster on some processors.")
    ] = None,
) -> None:
    """Make pictures from noise: PNG files, a contact sheet, and the latent vectors to make any of them again.

    A picture depends on the seed and on its own number, not on how many there are.

    Examples:

      translate generate exp/dcgan pictures --count 64 seed=1

      translate generate exp/sngan sevens label=7 truncation=0.7

      translate generate exp/dcgan way between=12,57 steps=16
    """
    from translate.jobs.generate import generate_files

    flags: dict[str, Any] = dict(
        count=count, seed=seed, label=label, truncation=truncation, between=between, steps=steps, latents=latents
    )
    print(generate_files(checkpoint, out, device, precision or "float32", **collect_options(settings or [], flags)))
