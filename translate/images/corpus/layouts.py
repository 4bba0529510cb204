"""Finding the images of a corpus, in the layouts in which corpora are usually published.

    layout      folders below the root                               domains (default names)
    pairs       train/ and val/ or test/ of two images side by       left, right
                side in one file (pix2pix)
    sides       A/ and B/ with files of the same names, perhaps in   A, B
                train/ and val/ or test/ below; or trainA, ...
    unpaired    trainA/ trainB/ testA/ testB/ (CycleGAN)             A, B
    folders     <domain>/, perhaps with train/ and test/ below, or   the folders' names
                train/<domain>/ and test/<domain>/ (StarGAN)
    attributes  images/ and list_attr_*.txt (CelebA)                 all; the chosen attributes are in the entries
    labels      train_label/ train_img/ train_inst/ (pix2pixHD,      label, photo, instance
                SPADE); or as Cityscapes and COCO-Stuff come
    flat        one folder of images, perhaps with train/ and test/  picture
                below; only where --layout says so
    high        train/ and test/, or sets of images in folders:      low, high
                *_HR and *_LR files pair and are for evaluation

The evaluation images are those of val/, else of test/ (whose labels are often not published); where there is neither,
the last `share` of the names. Images that belong together have the same `pair`.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from translate.corpus.manifest import Entry, find_files, hold_out
from translate.errors import UserError
from translate.images.arrays import IMAGES
from translate.images.corpus.folders import (
    EVALUATION,
    TRAINING,
    Files,
    find_splits,
    holds_pictures,
    is_double,
    list_folders,
    list_pictures,
    split_folder,
)
from translate.images.corpus.tables import read_attributes
from translate.names import ANY

ENDINGS = ("_gtFine_labelIds", "_leftImg8bit", "_gtFine_instanceIds")  # endings of names in Cityscapes
LABELLED = (                                                        # folders of labels, photos, instances; name endings
    (("{}_label", "{}_img", "{}_inst"), ("", "", "")),
    (("{}_A", "{}_B", "{}_inst"), ("", "", "")),
    (("gtFine/{}", "leftImg8bit/{}", "gtFine/{}"), ENDINGS),
    (("stuffthingmaps/{}", "images/{}"), ("", "")),
    (("annotations/{}", "images/{}"), ("", "")),
)  # fmt: skip

EXPECTED = {
    "pairs": "train/ and val/ with two pictures side by side in each file",
    "sides": "A/ and B/ with files of the same names",
    "unpaired": "trainA/, trainB/, testA/, testB/",
    "folders": "one folder of pictures per domain",
    "attributes": "images/ and list_attr_*.txt",
    "labels": "train_label/, train_img/, perhaps train_inst/; or gtFine/ and leftImg8bit/",
    "flat": "a folder of pictures",
    "high": "train/ and test/, or folders of pictures",
}


def scan_images(
    root: str | os.PathLike[str], layout: str = "auto", domains: Sequence[str] | None = None, share: float = 0.1
) -> list[Entry]:
    """Find the images of a corpus and split them into "train" and "eval".

    Args:
        root: folder of the corpus.
        layout: layout, see above; "auto" recognises it.
        domains: names of the domains instead of the default ones, in the order of the table (labels and photos; for
            "high" low and high); for "folders" and "attributes" the ones to take, None for all.
        share: fraction of the images for evaluation where the corpus has no split, 0 to below 1.

    Returns:
        Entries sorted by split, domain and id; the id is the path inside the domain without suffix.

    Raises:
        UserError: no such folder, another layout, no images, or images without partner where all need one.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        raise UserError(f"{root}: no such folder; expected a corpus of pictures")
    layout = find_layout(root) if layout == "auto" else layout
    if layout not in LAYOUTS:
        raise UserError(f"layout `{layout}` is unknown; expected auto, {', '.join(LAYOUTS)}")
    entries = LAYOUTS[layout](root, domains, share)
    if not entries:
        raise UserError(f"{root}: no picture found for the layout `{layout}`; expected {EXPECTED[layout]}")
    return sorted(entries, key=lambda entry: (entry.split != "train", entry.domain, entry.id))


def find_layout(root: Path) -> str:
    """Return the layout of a corpus; raise a `UserError` that lists the folders found when it has none."""
    names = {path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")}
    if {"trainA", "trainB"} <= names:
        return "unpaired"
    if _find_table(root):
        return "attributes"
    if _find_label_folders(root):
        return "labels"
    if {"A", "B"} <= names:
        sides = [split_folder(root / side) for side in "AB"]
        ids = [set(chain(*side.values())) for side in sides]
        return "sides" if ids[0] & ids[1] else "folders"
    training = next((root / name for name in TRAINING if name in names), None)
    pictures = list_pictures(training or root)
    if pictures:
        return "pairs" if all(map(is_double, pictures[:8])) else "high"
    inside = [folder for name in sorted(names) if holds_pictures(folder := root / name)]
    if any(path.stem.endswith("_HR") for folder in inside for path in list_pictures(folder)):
        return "high"
    if inside:
        return "folders"
    found = ", ".join(sorted(names)[:8]) or "no folders"
    raise UserError(f"{root}: no known layout of pictures (found: {found}); expected {', '.join(LAYOUTS)}")


# --- layouts ----------------------------------------------------------------------------------------------


def _scan_pairs(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    left, right = _name(domains, ("left", "right"), "pairs")
    files = split_folder(root)
    entries = _make_entries({left: files, right: files}, share, paired=True)
    return [Entry(e.id, e.path, e.domain, e.split, e.pair, "left" if e.domain == left else "right") for e in entries]


def _scan_sides(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    names = _name(domains, ("A", "B"), "sides")
    folders = names if all((root / name).is_dir() for name in names) else ["A", "B"]
    if all((root / folder).is_dir() for folder in folders):
        found = {name: split_folder(root / folder) for name, folder in zip(names, folders, strict=True)}
    else:
        found = {name: split_folder(root, suffix) for name, suffix in zip(names, "AB", strict=True)}
    _check_partners(root, found)
    return _make_entries(found, share, paired=True)


def _scan_unpaired(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    names = _name(domains, ("A", "B"), "unpaired")
    found = {name: split_folder(root, suffix) for name, suffix in zip(names, "AB", strict=True)}
    return _make_entries(found, share)


def _scan_folders(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    below = {split: folder for split, folder in find_splits(root).items() if not list_pictures(folder)}
    found: dict[str, dict[str, Files]] = {}
    if "train" in below:
        for split, folder in below.items():
            for name in list_folders(folder):
                found.setdefault(name, {})[split] = find_files(folder / name, IMAGES)
    else:
        found = {name: split_folder(root / name) for name in list_folders(root)}
    found = {name: files for name, files in found.items() if any(files.values())}
    if domains is not None:
        if missing := [name for name in domains if name not in found]:
            raise UserError(f"{root}: no pictures of domain `{missing[0]}`; found: {', '.join(found) or 'none'}")
        found = {name: found[name] for name in domains}
    return _make_entries(found, share)


def _scan_attributes(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    table = _find_table(root)
    if table is None:
        raise UserError(f"{root}: no attribute file; expected list_attr_*.txt beside images/")
    attributes = read_attributes(table, domains)
    folder = next((root / n for n in ("images", "img_align_celeba") if (root / n).is_dir()), root)
    files = {id: path for id, path in find_files(folder, IMAGES).items() if path.name in attributes}
    entries = _make_entries({ANY: {"train": files}}, share)
    return [Entry(e.id, e.path, e.domain, e.split, attributes=attributes[e.path.name]) for e in entries]


def _scan_labels(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    known = _find_label_folders(root)
    if known is None:
        raise UserError(f"{root}: no label folders; expected train_label, train_img, ... or gtFine and leftImg8bit")
    label, photo = _name(domains, ("label", "photo"), "labels")
    found: dict[str, dict[str, Files]] = {label: {}, photo: {}, "instance": {}}
    for split, names in {"train": TRAINING, "eval": EVALUATION}.items():
        name = next((name for name in names if (root / known[0][0].format(name)).is_dir()), None)
        for domain, pattern, ending in zip(found, *known, strict=False):
            if name and (folder := root / pattern.format(name)).is_dir():
                found[domain][split] = _strip_endings(find_files(folder, IMAGES), ending)
    found = {domain: files for domain, files in found.items() if any(files.values())}
    if photo in found:
        _check_partners(root, {domain: found[domain] for domain in (label, photo)})
    return _make_entries(found, share, paired=True)


def _scan_flat(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    names = list(domains or ["picture"])
    if len(names) != 1:
        raise UserError(f"--domains {','.join(names)}: the layout `flat` has one; give one name")
    return _make_entries({names[0]: split_folder(root)}, share)


def _scan_high(root: Path, domains: Sequence[str] | None, share: float) -> list[Entry]:
    names = list(domains or ("low", "high"))
    low, high = _name(names if len(names) == 2 else ["low", *names], ("low", "high"), "high")
    splits = find_splits(root)
    sets = [root / name for name in list_folders(root)] if "train" not in splits and not list_pictures(root) else []
    found: dict[str, dict[str, Files]] = {low: {}, high: {}}
    for folder in sets or [*splits.values()] or [root]:
        files = find_files(folder, IMAGES)
        given = any(path.stem.endswith("_HR") for path in files.values())
        held_out = given or folder.name.lower() in EVALUATION
        for id, path in files.items():
            domain = low if path.stem.endswith("_LR") else high
            id = id.removesuffix("_LR").removesuffix("_HR")
            id = f"{folder.name}/{id}" if sets else id
            found[domain].setdefault("eval" if held_out else "train", {})[id] = path
    return _make_entries({d: files for d, files in found.items() if files}, share, paired=True)


LAYOUTS: dict[str, Callable[[Path, Sequence[str] | None, float], list[Entry]]] = {
    "pairs": _scan_pairs,
    "sides": _scan_sides,
    "unpaired": _scan_unpaired,
    "folders": _scan_folders,
    "attributes": _scan_attributes,
    "labels": _scan_labels,
    "flat": _scan_flat,
    "high": _scan_high,
}


# --- helpers ----------------------------------------------------------------------------------------------


def _make_entries(found: Mapping[str, Mapping[str, Files]], share: float, paired: bool = False) -> list[Entry]:
    """Make entries of {domain: {split: files}}; without any "eval", the last `share` of "train" becomes it."""
    splits = {domain: dict(files) for domain, files in found.items()}
    if splits and not any(files.get("eval") for files in splits.values()):
        held_out = hold_out({domain: set(files.get("train", {})) for domain, files in splits.items()}, share)
        for domain, files in splits.items():
            everything = files.get("train", {})
            files["train"] = {id: path for id, path in everything.items() if id not in held_out[domain]}
            files["eval"] = {id: path for id, path in everything.items() if id in held_out[domain]}
    entries = []
    for domain, files in splits.items():
        for split, pictures in files.items():
            others = set(chain(*(other.get(split, {}) for name, other in splits.items() if name != domain)))
            for id, path in pictures.items():
                pair = f"{split}/{id}" if paired and id in others else None
                entries.append(Entry(id, path, domain, split, pair))
    return entries


def _check_partners(root: Path, found: Mapping[str, Mapping[str, Files]]) -> None:
    """Raise `UserError` when two domains have no name in common in training: there would be no pair."""
    (one, ours), (other, theirs) = found.items()
    names, partners = ours.get("train", {}), theirs.get("train", {})
    if names and not names.keys() & partners.keys():
        example = next(iter(partners.values()), "nothing")
        raise UserError(
            f"{root}: no picture of `{one}` has a partner of the same name in `{other}` "
            f"({next(iter(names.values()))}, {example}); rename the files"
        )


def _strip_endings(files: Files, wanted: str) -> Files:
    """Strip the endings by which the names of a pair differ; keep only files with the ending `wanted`, if given."""
    stripped = {}
    for id, path in files.items():
        if id.endswith(wanted):
            for ending in ENDINGS:
                id = id.removesuffix(ending)
            stripped[id] = path
    return stripped


def _find_label_folders(root: Path) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Return folder patterns and name endings of labels, photos and, where they exist, instances."""
    for patterns, endings in LABELLED:
        if any((root / patterns[0].format(name)).is_dir() for name in (*TRAINING, *EVALUATION)):
            return patterns, endings
    return None


def _find_table(root: Path) -> Path | None:
    return next(iter(sorted([*root.glob("list_attr_*.txt"), *root.glob("list_attr_*.csv")])), None)


def _name(domains: Sequence[str] | None, default: tuple[str, str], layout: str) -> list[str]:
    names = list(domains or default)
    if len(names) != 2 or names[0] == names[1]:
        raise UserError(f"--domains {','.join(names)}: the layout `{layout}` has two; give two different names")
    return names
