"""The verb that opens the demo in the browser."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from translate.cli.app import app
from translate.errors import UserError


@app.command()
def demo(
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHECKPOINT]...", help="Runs, checkpoints; default: those of pretrained/."),
    ] = None,
    then: Annotated[
        list[str] | None, typer.Option(help="A postfilter's checkpoint, offered after voice converters.")
    ] = None,
    examples: Annotated[Path | None, typer.Option(help="Folder of recordings to try, besides the built-in.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0: for the whole network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0: a free one.")] = 7860,
    auth: Annotated[str | None, typer.Option(metavar="USER:PASSWORD", help="Login that visitors need.")] = None,
    max_seconds: Annotated[float, typer.Option(min=0.1, help="Longest recording.")] = 30.0,
    concurrency: Annotated[int, typer.Option(min=1, help="Conversions at once; the others wait.")] = 1,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
) -> None:
    """Open a page to try trained models on recordings and pictures in the browser.

    Examples:

      translate demo

      translate demo exp/one exp/two --then exp/postfilter --port 8000

      translate demo exp/one --host 0.0.0.0 --auth me:secret
    """
    try:
        import gradio  # noqa: F401
    except ModuleNotFoundError:
        how = "bash tools/setup.sh demo, or pip install -e '.[demo]', in the repository"
        raise UserError(f"translate demo needs gradio: {how}") from None
    from translate.checkpoints.pretrained import list_pretrained
    from translate.demo.app import build_app, serve
    from translate.demo.limits import Limits

    user, colon, password = (auth or ":").partition(":")
    if auth is not None and not (user and colon and password):
        raise UserError("--auth: expected USER:PASSWORD")
    offered: Sequence[str | Path] = checkpoints or list(list_pretrained().values())
    if not offered:
        raise UserError("no checkpoint given, and pretrained/ is not here; name one, such as exp/one")
    limits = Limits(max_seconds=max_seconds, concurrency=concurrency)
    page = build_app(offered, limits, then=then or [], examples=examples, device=device)
    serve(page, limits, host, port, (user, password) if auth else None)
