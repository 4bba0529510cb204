"""The demo as one page with a tab for voices and one for images, and its server."""

import signal
import socket
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import gradio
from starlette.middleware import Middleware

from translate.demo.fence import Fence
from translate.demo.image import build_image_tab
from translate.demo.limits import Limits
from translate.demo.models import Offer, find_models
from translate.demo.page import Page
from translate.demo.patience import limit_patience
from translate.demo.uploads import hold_uploads
from translate.demo.visitors import find_paths
from translate.demo.voice import build_voice_tab
from translate.errors import UserError

EXAMPLES = Path(__file__).parent / "examples"
TABS: dict[str, tuple[str, Callable[[Sequence[Offer], Limits, Sequence[Path]], None]]] = {
    "speech": ("Voice", build_voice_tab),
    "images": ("Image", build_image_tab),
}  # fmt: skip
SWEEP, AGE = 300, 3600                                              # seconds: interval of deletion, age of the deleted
WAITING = 32                                                        # requests in line; more are refused
FONT, MONO = ["system-ui", "sans-serif"], ["ui-monospace", "monospace"]  # fonts of the system: none is fetched
CSS = """
.gradio-container { width: 100% !important; max-width: 1200px !important; margin: 0 auto !important; }
.gradio-container h1 { margin-bottom: 0; }
#voice-system input, #voice-then input { text-overflow: ellipsis; padding-right: 2em; }
footer { display: none !important; }
"""


def build_app(
    checkpoints: Sequence[str | Path],
    limits: Limits | None = None,
    *,
    then: Sequence[str | Path] = (),
    examples: str | Path | None = None,
    device: str = "cpu",
) -> Page:
    """Build the page, not yet served.

    Args:
        checkpoints: runs or checkpoints to offer, speech and images in any order.
        limits: limits of a request.
        then: postfilters to offer after voice converters, besides those among `checkpoints`.
        examples: folder of recordings to try, shown after the built-in ones.
        device: device of the networks.

    Raises:
        UserError: no checkpoint there, nothing to offer, or no recording in `examples`.
    """
    limits = limits or Limits()
    hold_uploads()
    models = find_models([*checkpoints, *then], device)
    tabs = {name: [model for model in models if model.config.modality == name] for name in TABS}
    if not any(tabs.values()):
        raise UserError("nothing to offer; name a checkpoint of speech or images, such as exp/one")
    with Page(limits, title="translate", analytics_enabled=False, delete_cache=(SWEEP, AGE)) as app:
        gradio.Markdown(
            "# translate\nConverts voices and images from one domain to another. Everything is computed on the server "
            "of this page; uploads and results are deleted after an hour."
        )
        recordings = [EXAMPLES, *([Path(examples)] if examples else [])]
        for modality, offers in tabs.items():
            if offers:
                title, build_tab = TABS[modality]
                with gradio.Tab(title):
                    build_tab(offers, limits, recordings)
    app.visitors.share(find_paths(app.get_config_file()))
    return app.queue(max_size=WAITING, api_open=False)


def serve(
    app: Page,
    limits: Limits,
    host: str = "127.0.0.1",
    port: int = 7860,
    auth: tuple[str, str] | None = None,
    wait: bool = True,
) -> str:
    """Serve `app`; nothing is fetched from elsewhere, and nothing is sent anywhere.

    Args:
        app: page from `build_app`.
        limits: limits given to `build_app`.
        host, port: address to listen at; port 0 takes a free one.
        auth: user and password that visitors must know.
        wait: whether to wait until the server is ended (Ctrl-C, SIGTERM); else it runs in the background.

    Returns:
        The address of the page.

    Raises:
        UserError: the port is taken, or the host is not an address of this machine.
    """
    port = port or _find_port()
    theme = gradio.themes.Default(primary_hue="indigo", neutral_hue="slate", font=FONT, font_mono=MONO)
    try:
        _, address, _ = app.launch(
            server_name=host, server_port=port, auth=auth, max_file_size=limits.max_bytes, theme=theme, css=CSS,
            footer_links=[], prevent_thread_lock=True, share=False, ssr_mode=False, mcp_server=False, pwa=False,
            enable_monitoring=False, run_history=False, quiet=True,
            app_kwargs={"middleware": [Middleware(Fence, page=app)]},
        )  # fmt: skip
    except OSError:
        raise UserError(f"cannot listen at {host}, port {port}; is it taken? Try another --port, or --port 0") from None
    limit_patience(app.server)
    print(f"translate demo: {address} (Ctrl-C ends it)", flush=True)
    if wait:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that uploads are deleted then, too
        app.block_thread()
    return address


def _find_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
