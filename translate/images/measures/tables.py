"""results.md of an image model: one table, and the protocol of its numbers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from translate.corpus.markdown import align_table, format_number
from translate.files import replacing
from translate.images.measures.distances import BORDER

COLUMNS = {                                                         # measure: title, decimals, factor; best first
    "psnr_y": ("PSNR Y ↑", 2, 1),
    "ssim_y": ("SSIM Y ↑", 3, 1),
    "pixel_accuracy": ("pixels right % ↑", 1, 100),
    "mean_iou": ("mean IoU % ↑", 1, 100),
    "domain_accuracy": ("taken for target % ↑", 1, 100),
    "frechet": ("Fréchet ↓", 3, 1),
    "label_accuracy": ("label found % ↑", 1, 100),
    "class_divergence": ("KL of labels ↓", 3, 1),
    "nearest": ("nearest", 2, 1),
    "fid": ("FID ↓", 1, 1),
    "kid": ("KID × 100 ↓", 2, 100),
    "lpips": ("LPIPS ↓", 3, 1),
    "l1": ("L1 ↓", 2, 1),
    "psnr": ("PSNR RGB ↑", 2, 1),
    "ssim": ("SSIM RGB ↑", 3, 1),
    "sharpness": ("sharpness", 2, 1),
    "change": ("change", 2, 1),
}
EXPLAINED = {
    "psnr_y": f"PSNR Y, SSIM Y: luma of ITU-R BT.601, 16 to 235, float64, of 8-bit pictures without {BORDER} pixels at "
    "each border; gray files are their own luma; PSNR in dB",
    "pixel_accuracy": "pixels right, mean IoU: every pixel of converted picture and target takes the class of the "
    "nearest colour of images.palette; all pictures together; IoU is the mean over classes that occur",
    "domain_accuracy": "taken for target: by the domain classifier (below)",
    "frechet": "Fréchet: squared distance of the Gaussians with the moments of the features (below); depends on the "
    "features, so compare it with the row `real training` and nothing else",
    "label_accuracy": "label found: the classifier finds the label that the picture was made for, or has",
    "class_divergence": "KL of labels: divergence in nats of the labels found from those found in training pictures; "
    "large where classes are missing",
    "nearest": "nearest: median distance to the nearest training picture over that of unseen real ones (thumbnails of "
    "8 x 8 pixels, Euclidean); near 0 the model repeats what it has seen",
    "fid": "FID: Inception v3 of 2015, pool 3, 2048 features, all pictures of the row against all real targets of the "
    "evaluation; biased upwards for small N, below about 2,000 prefer KID",
    "kid": "KID: the same features, cubic kernel, unbiased, mean over 10 subsets of up to 1,000",
    "lpips": "LPIPS: AlexNet, version 0.1, pictures in [-1, 1]",
    "l1": "L1: mean absolute difference to the target, 0 to 255, all channels",
    "psnr": "PSNR RGB: dB, peak 255, all channels and the whole picture together",
    "ssim": "SSIM RGB: Gaussian window 11 x 11, deviation 1.5, K1 0.01, K2 0.03, mean over channels",
    "sharpness": "sharpness: mean gradient of luma over the target's; below 1 is blurred",
    "change": "change: mean absolute difference to the input, 0 to 255; near 0 nothing was translated",
}
ROWS = {
    "converted": "what the system made",
    "generated": "what the model made from noise",
    "real training": "training pictures: what the measures give for a set of real ones; label found and KL are "
    "optimistic, since the classifier has seen most of them",
    "bicubic": "the low resolution enlarged by bicubic interpolation (MATLAB's), nothing learned",
    "input": "the source as it is",
    "constant class": "the most frequent class of the training targets everywhere",
    "nearest neighbour": "the target of the training input most alike (thumbnails of 16 x 16 pixels, Euclidean)",
    "mean target": "the mean of the training targets, of up to 500",
    "real target": "real pictures of the target domain: what the classifier makes of the truth",
}


def format_headline(results: Mapping[str, Any]) -> str:
    """Format all tasks, their rows and measures as an aligned table, for the terminal and for results.md."""
    tasks = results["tasks"] + ([results["overall"]] if results.get("overall") else [])
    rows = [values for task in tasks for values in task["rows"].values()]
    columns = [key for key in COLUMNS if any(values.get(key) is not None for values in rows)]
    table = [["", "", "N", *(COLUMNS[key][0] for key in columns)]]
    for task in tasks:
        for number, (row, values) in enumerate(task["rows"].items()):
            cells = [format_number(values.get(key), *COLUMNS[key][1:]) for key in columns]
            table.append(["" if number else task["name"], row, str(values["n"]), *cells])
    return align_table(table, texts=2)


def write_results(path: str | os.PathLike[str], results: Mapping[str, Any]) -> None:
    """Write results.md, whole or not at all."""
    rows = {row for task in results["tasks"] for row in task["rows"]}
    measures = {key for task in results["tasks"] for values in task["rows"].values() for key in values}
    lines = ["# Results", "", format_headline(results), "", "## Protocol", ""]
    lines += [f"- {row}: {meaning}." for row, meaning in ROWS.items() if row in rows]
    lines += [f"- {meaning}." for key, meaning in EXPLAINED.items() if key in measures]
    lines += [f"- {line}." for line in results["protocol"]]
    lines += [f"- Not measured: {note}." for note in results["notes"]]
    with replacing(Path(path)) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")
