"""Grouping the images of a manifest for batches: two separate domains, pairs, images with their domains, or alone."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from translate.config import ImageConfig
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.corpus.store import ImageStore
from translate.models.base import ImageModel

INSTANCE = "instance"                                               # the domain of instance maps


@dataclass(frozen=True)
class Groups:
    """The images from which a sampler draws.

    Attributes:
        stores: stores, each drawn from in an order of its own; the streams of a store ("source", "target") go together.
        vectors: domains of every image, (U, K) float32, 0 or 1; None where the model takes none.
        masks: whether they are known, (U, K) float32, 1 or 0.
    """

    stores: dict[str, ImageStore]
    vectors: np.ndarray | None = None
    masks: np.ndarray | None = None


def collect_groups(config: ImageModel, entries: Sequence[Entry]) -> Groups:
    """Group the entries of one split by `config.data.batches` and `config.data.domains`.

    Super-resolution takes images of the target only: it makes the source from their crops.

    Raises:
        UserError: a domain without images, an image without partner or instance map.
    """
    images: ImageConfig = config.images
    if images.labels is not None and images.palette and len(images.palette) != images.labels:
        raise UserError(
            f"images.palette lists {len(images.palette)} colours, images.labels is {images.labels}: "
            "expected a colour per class"
        )
    return COLLECTORS[config.data.batches](config, entries)


def _collect_unpaired(config: ImageModel, entries: Sequence[Entry]) -> Groups:
    """Group the two domains separately."""
    chosen, images = _choose_both(config, entries), config.images
    if images.scale > 1:
        return _collect_high(chosen, images)
    return Groups({stream: ImageStore({stream: of_domain}, images) for stream, of_domain in chosen.items()})


def _collect_paired(config: ImageModel, entries: Sequence[Entry]) -> Groups:
    """Group pairs, with instance maps where the model takes them."""
    chosen, images = _choose_both(config, entries), config.images
    if images.scale > 1:
        return _collect_high(chosen, images)
    sources, targets = chosen["source"], _match(chosen["source"], chosen["target"])
    _match(chosen["target"], sources)                               # every target has a source, too
    instances = _match(sources, _choose(entries, INSTANCE)) if images.instances else []
    return Groups({"pair": ImageStore({"source": sources, "target": targets}, images, instances)})


def _collect_high(chosen: Mapping[str, Sequence[Entry]], images: ImageConfig) -> Groups:
    """Group images of high resolution, from which the sampler makes the low resolution."""
    return Groups({"pair": ImageStore({"target": chosen["target"]}, images)})


def _choose_both(config: ImageModel, entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of the two domains; for super-resolution those of the target only."""
    names = dict(zip(("source", "target"), config.data.pair(), strict=True))
    if config.images.scale > 1:
        del names["source"]
    return {stream: _choose(entries, domain) for stream, domain in names.items()}


def _collect_labelled(config: ImageModel, entries: Sequence[Entry]) -> Groups:
    """Group images with their domains.

    Domains are attributes where entries have them; else an entry has its own domain and no other. An image of a data
    set with attributes is unlabelled in the domains of the others, and the other way round.
    """
    chosen, vectors, masks = _find_vectors(config.data.domains, entries)
    return Groups({"source": ImageStore({"source": chosen}, config.images)}, vectors, masks)


def _collect_single(config: ImageModel, entries: Sequence[Entry]) -> Groups:
    """Group images alone; where `data.domains` names labels, those that have one, with it."""
    if not config.data.domains:
        return Groups({"target": ImageStore({"target": entries}, config.images)})
    chosen, vectors, _ = _find_vectors(config.data.domains, entries)
    return Groups({"target": ImageStore({"target": chosen}, config.images)}, vectors)


def _find_vectors(domains: Sequence[str], entries: Sequence[Entry]) -> tuple[list[Entry], np.ndarray, np.ndarray]:
    """Return the entries with any of the domains, their vectors (U, K), and which of these are known (U, K)."""
    exclusive = {entry.domain for entry in entries if entry.attributes is None}
    chosen, vectors, masks = [], [], []
    for entry in entries:
        if entry.attributes is None:
            known = {domain: int(domain == entry.domain) for domain in domains if domain in exclusive}
            known = known if entry.domain in known else {}
        else:
            known = {domain: entry.attributes[domain] for domain in domains if domain in entry.attributes}
        if known:
            chosen.append(entry)
            vectors.append([float(known.get(domain, 0)) for domain in domains])
            masks.append([float(domain in known) for domain in domains])
    found = np.array(vectors, dtype=np.float32).reshape(-1, len(domains))
    for domain, count in zip(domains, found.sum(axis=0), strict=True):
        if not count:
            raise UserError(f"no training picture of domain `{domain}`; {_tell(entries)}")
    return chosen, found, np.array(masks, dtype=np.float32)


COLLECTORS: dict[str, Callable[[ImageModel, Sequence[Entry]], Groups]] = {
    "unpaired": _collect_unpaired,
    "paired": _collect_paired,
    "labelled": _collect_labelled,
    "single": _collect_single,
}


def _choose(entries: Sequence[Entry], domain: str) -> list[Entry]:
    chosen = [entry for entry in entries if entry.domain == domain]
    if not chosen:
        hint = " (no instance maps: images.instances=false)" if domain == INSTANCE else ""
        raise UserError(f"no training picture of domain `{domain}`{hint}; {_tell(entries)}")
    return chosen


def _match(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[Entry]:
    """Return the partner among `theirs` of each of `ours`."""
    by_pair = {entry.pair: entry for entry in theirs if entry.pair is not None}
    partners = []
    for entry in ours:
        if entry.pair is None or entry.pair not in by_pair:
            raise UserError(
                f"{entry.path}: has no partner in the domain `{theirs[0].domain}` "
                f"(pair {entry.pair}); add it, or take the picture out of the manifest"
            )
        partners.append(by_pair[entry.pair])
    return partners


def _tell(entries: Sequence[Entry]) -> str:
    """Summarise the manifest for error messages."""
    counts = Counter(entry.domain for entry in entries)
    attributes = sorted({name for entry in entries for name in entry.attributes or ()})
    known = ", ".join(f"{domain} ({count})" for domain, count in sorted(counts.items()))
    return f"the manifest has {known}" + (f" with the attributes {', '.join(attributes)}" if attributes else "")
