"""Which pictures of a manifest a batch takes together: two domains apart, pairs, or pictures with their domains."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from translate.config import ImageConfig
from translate.corpus.manifest import Entry
from translate.errors import UserError
from translate.images.corpus.store import ImageStore
from translate.models.base import Model

INSTANCE = "instance"                                               # the domain of instance maps


@dataclass(frozen=True)
class Groups:
    """What a sampler draws from.

    Attributes:
        stores: every one is gone through in an order of its own; its streams ("source", "target") move together.
        vectors: (U, K) float32, the domains of every picture of a labelled system, 0 or 1; None for others.
        masks: (U, K) float32, 1 where that is known.
    """

    stores: dict[str, ImageStore]
    vectors: np.ndarray | None = None
    masks: np.ndarray | None = None


def collect_groups(config: Model, entries: Sequence[Entry]) -> Groups:
    """Sort the entries of one split by `config.data.batches` and `config.data.domains`.

    Super-resolution takes the pictures of the target alone: it makes the source from their crops.

    Raises:
        UserError: a domain without pictures, a picture without partner or instance map.
    """
    images: ImageConfig = config.images  # type: ignore[attr-defined]
    if images.labels is not None and images.palette and len(images.palette) != images.labels:
        raise UserError(
            f"images.palette lists {len(images.palette)} colours, images.labels is {images.labels}: "
            "expected a colour per class"
        )
    return COLLECTORS[config.data.batches](config, entries)


def _collect_unpaired(config: Model, entries: Sequence[Entry]) -> Groups:
    """Draw from the two domains apart."""
    chosen, images = _choose_both(config, entries), config.images  # type: ignore[attr-defined]
    if images.scale > 1:
        return _collect_high(chosen, images)
    return Groups({stream: ImageStore({stream: of_domain}, images) for stream, of_domain in chosen.items()})


def _collect_paired(config: Model, entries: Sequence[Entry]) -> Groups:
    """Draw pairs, with their instance maps where the model takes such."""
    chosen, images = _choose_both(config, entries), config.images  # type: ignore[attr-defined]
    if images.scale > 1:
        return _collect_high(chosen, images)
    sources, targets = chosen["source"], _match(chosen["source"], chosen["target"])
    _match(chosen["target"], sources)                               # none is left over
    instances = _match(sources, _choose(entries, INSTANCE)) if images.instances else []
    return Groups({"pair": ImageStore({"source": sources, "target": targets}, images, instances)})


def _collect_high(chosen: Mapping[str, Sequence[Entry]], images: ImageConfig) -> Groups:
    """Draw pictures of high resolution, of which the sampler makes the low one."""
    return Groups({"pair": ImageStore({"target": chosen["target"]}, images)})


def _choose_both(config: Model, entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Return the entries of the two domains; of super-resolution those of the target alone."""
    names = dict(zip(("source", "target"), config.data.pair(), strict=True))
    if config.images.scale > 1:  # type: ignore[attr-defined]
        del names["source"]
    return {stream: _choose(entries, domain) for stream, domain in names.items()}


def _collect_labelled(config: Model, entries: Sequence[Entry]) -> Groups:
    """Domains are attributes where entries have such; else an entry is of its own domain and of no other.

    A picture of a data set with attributes is unlabelled in the others' domains, and the other way round.
    """
    domains, images = config.data.domains, config.images  # type: ignore[attr-defined]
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
    store = ImageStore({"source": chosen}, images)
    return Groups({"source": store}, found, np.array(masks, dtype=np.float32))


COLLECTORS: dict[str, Callable[[Model, Sequence[Entry]], Groups]] = {
    "unpaired": _collect_unpaired,
    "paired": _collect_paired,
    "labelled": _collect_labelled,
}


def _choose(entries: Sequence[Entry], domain: str) -> list[Entry]:
    chosen = [entry for entry in entries if entry.domain == domain]
    if not chosen:
        hint = " (no instance maps: images.instances=false)" if domain == INSTANCE else ""
        raise UserError(f"no training picture of domain `{domain}`{hint}; {_tell(entries)}")
    return chosen


def _match(ours: Sequence[Entry], theirs: Sequence[Entry]) -> list[Entry]:
    """The partner among `theirs` of every one of `ours`."""
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
    """What a manifest has, for errors."""
    counts = Counter(entry.domain for entry in entries)
    attributes = sorted({name for entry in entries for name in entry.attributes or ()})
    known = ", ".join(f"{domain} ({count})" for domain, count in sorted(counts.items()))
    return f"the manifest has {known}" + (f" with the attributes {', '.join(attributes)}" if attributes else "")
