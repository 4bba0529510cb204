#!/usr/bin/env python
"""Draw docs/architecture.svg: the packages, and where in each of them speech and pictures differ.

    python docs/draw_architecture.py

Names in a cell are modules of the row's package (tests/test_docs.py looks for them), but for those in `WORDS`.
"""

from pathlib import Path
from xml.sax.saxutils import escape

SPEECH, SHARED, PICTURES = 0, 1, 2
WIDTH, MARGIN, LABEL, GAP, LINE, PAD = 1060, 20, 132, 8, 18, 9              # pixels
HEAD = 84                                                                   # above the first row
COLUMN = (WIDTH - 2 * MARGIN - LABEL - 2 * GAP) / 3

# Package, and cells: first column, last column, lines.
ROWS = [
    ("cli", [(SPEECH, PICTURES, ["corpus   learn   use   export   share   demo"])]),
    ("demo", [
        (SPEECH, SPEECH, ["voice   plots"]),
        (SHARED, SHARED, ["app   models   limits"]),
        (PICTURES, PICTURES, ["image   painting"]),
    ]),
    ("api", [(SPEECH, PICTURES, ["analyse · synthesise · convert · stream · train · evaluate"])]),
    ("jobs", [
        (SPEECH, SPEECH, ["synthesise   pipe   shard", "voice_material   voice_watch"]),
        (SHARED, SHARED, ["prepare   train   convert", "evaluate   export   share"]),
        (PICTURES, PICTURES, ["image_conversion", "image_material   image_watch"]),
    ]),
    ("inference", [
        (SPEECH, SPEECH, ["voice   spectrum   waveform", "chain   chunks   stream"]),
        (SHARED, SHARED, ["load   export   share", "pretrained"]),
        (PICTURES, PICTURES, ["image   pictures   tiles"]),
    ]),
    ("evaluation", [
        (SPEECH, SPEECH, ["speech   waveform", "trajectories   aliasing"]),
        (SHARED, SHARED, ["protocol   tables   markdown"]),
        (PICTURES, PICTURES, ["images   image_scores", "image_classifier"]),
    ]),
    ("training", [(SPEECH, PICTURES, ["trainer: the one loop   checkpoint   resume   distributed   schedule   log"])]),
    ("data", [
        (SPEECH, SPEECH, ["speech   sampling", "shards   mini"]),
        (SHARED, SHARED, ["manifest"]),
        (PICTURES, PICTURES, ["images   image_sampling", "image_layouts   mini_images"]),
    ]),
    ("models", [
        (SPEECH, SPEECH, ["cyclegan_vc   cyclegan_vc2", "stargan_vc   stargan_vc2", "gan_vc   mse_vc",
                          "gan_postfilter   stft_postfilter", "wavecyclegan   wavecyclegan2"]),
        (SHARED, SHARED, ["one file per system:", "Config, build(config)"]),
        (PICTURES, PICTURES, ["cyclegan", "stargan", "pix2pix   pix2pixhd", "spade", "srresnet   srgan"]),
    ]),
    ("translators", [
        (SPEECH, PICTURES, ["cycle   star   paired: a training step each, for tensors (B, C, *S) of any kind"]),
    ]),
    ("losses", [(SPEECH, PICTURES, ["adversarial   consistency   features   domain   penalties   perceptual"])]),
    ("networks", [
        (SPEECH, SPEECH, ["cnn1d   cnn212   spectral", "star_vc   star_vc2", "postfilter   bands", "wave   acoustic"]),
        (SHARED, SHARED, ["judgement"]),
        (PICTURES, PICTURES, ["unet   resnet   patch", "star   spade", "coarse_to_fine", "srresnet"]),
    ]),
    ("layers", [(SPEECH, PICTURES, ["gated   norm   conditional_norm   spade   padding   shuffle   wide"])]),
    ("features", [
        (SPEECH, SPEECH, ["world   f0   mcep", "stft   waveform   streaming"]),
        (SHARED, SHARED, ["NumPy only"]),
        (PICTURES, PICTURES, ["image   resize"]),
    ]),
]  # fmt: skip
WORDS = {"api", "one file per system:", "Config, build(config)", "NumPy only", ": the one loop",
         ": a training step each, for tensors (B, C, *S) of any kind"}  # fmt: skip
NOTE = "Imports point down. What knows speech or pictures stands at the edges; the core, in red, knows tensors only."
CORE = {"training", "translators", "losses", "layers"}

STYLE = """
  .paper { fill: #ffffff; } .edge { fill: none; stroke: #d0d7de; }
  text { fill: #1f2328; font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; }
  .name { font-weight: 700; } .head { font: 600 16px system-ui, 'DejaVu Sans', sans-serif; }
  .note { font: 14px system-ui, 'DejaVu Sans', sans-serif; fill: #59636e; }
  .speech { fill: #e3eefb; stroke: #3f78b5; } .pictures { fill: #fbf0dc; stroke: #b8822c; }
  .shared { fill: #f0f1f3; stroke: #8b949e; } .core { fill: #f9e3dc; stroke: #b5542d; }
  .arrow { stroke: #59636e; stroke-width: 1.5; fill: none; } .tip { fill: #59636e; }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; } .edge { stroke: #3d444d; } text { fill: #e6edf3; } .note { fill: #9198a1; }
    .speech { fill: #132b47; stroke: #5b9bd9; } .pictures { fill: #3a2c10; stroke: #d4a04a; }
    .shared { fill: #21262d; stroke: #6e7681; } .core { fill: #46231a; stroke: #e0805a; }
    .arrow { stroke: #9198a1; } .tip { fill: #9198a1; }
  }
"""


def draw() -> str:
    """The picture as text."""
    parts, y = [], float(HEAD)
    for package, cells in ROWS:
        height = 2 * PAD + LINE * max(len(lines) for *_, lines in cells)
        parts.append(_write(MARGIN + 22, y + height / 2 + 5, package, "name", "start"))
        for first, last, lines in cells:
            kind = "core" if package in CORE else ("speech", "shared", "pictures")[first] if first == last else "shared"
            parts.append(_draw_cell(first, last, y, height, lines, kind))
        y += height + GAP
    left, below = MARGIN + 8, y - GAP
    parts.append(f'<path class="arrow" d="M{left} {HEAD} V{below - 8:.0f}"/>')
    parts.append(f'<path class="tip" d="M{left - 5} {below - 10:.0f} h10 l-5 10 z"/>')
    for column, title in enumerate(("speech", "both", "pictures")):
        parts.append(_write(_place(column) + COLUMN / 2, HEAD - 14, title, "head"))
    parts.append(_write(MARGIN + 22, 32, NOTE, "note", "start"))
    height = below + MARGIN
    frame = f'width="{WIDTH - 1}" height="{height - 1:.0f}" x="0.5" y="0.5" rx="8"'
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        'aria-label="The packages of translate, from the command line down to the features">',
        f"<style>{STYLE}</style>", f'<rect class="paper" {frame}/>', f'<rect class="edge" {frame}/>',
        *parts, "</svg>", "",
    ])  # fmt: skip


def _place(column: int) -> float:
    return MARGIN + LABEL + column * (COLUMN + GAP)


def _draw_cell(first: int, last: int, y: float, height: float, lines: list[str], kind: str) -> str:
    x, width = _place(first), _place(last) + COLUMN - _place(first)
    top = y + height / 2 - LINE * (len(lines) - 1) / 2 + 5
    words = [_write(x + width / 2, top + LINE * number, line, "") for number, line in enumerate(lines)]
    box = f'<rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="6"/>'
    return "\n".join([box, *words])


def _write(x: float, y: float, words: str, kind: str, anchor: str = "middle") -> str:
    kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" xml:space="preserve"{kind}>{escape(words)}</text>'


if __name__ == "__main__":
    Path(__file__).with_name("architecture.svg").write_text(draw(), encoding="utf-8")
