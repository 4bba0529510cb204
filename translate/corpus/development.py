"""The development set: sentences for choosing a checkpoint, which neither training nor the evaluation has."""

import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from translate.corpus.manifest import Entry
from translate.errors import UserError

log = logging.getLogger("translate")

TRAIN, DEV, EVAL = "train", "dev", "eval"
RANKS = {TRAIN: 0, DEV: 1, EVAL: 2}                                 # of two splits, a sentence belongs to the higher
EVERY = 10                                                          # sentences, of which one is set aside
FEWEST, MOST = 2, 16                                                # sentences set aside
SMALLEST = 20                                                       # training sentences of a corpus with a dev set


def set_aside(entries: Sequence[Entry], patterns: Sequence[str] | None) -> list[Entry]:
    """Move sentences from "train" to "dev", the same ones for all domains that have them.

    Args:
        entries: entries of a corpus; their `pair` says which are the same sentence.
        patterns: globs on the last part of the id; empty: no sentence. None: every tenth of the sentences that all
            domains train on, at least 2 and at most 16, evenly spaced. Where the domains have fewer than 20 of them in
            common, each domain gives sentences of its own. A corpus with fewer than 20 sentences of a domain keeps all,
            with a log line.

    Raises:
        UserError: a domain would have no sentence for training, or none matches the patterns.
    """
    if patterns is None:
        chosen = _choose(entries)
    else:
        chosen = {entry for entry in entries if entry.split == TRAIN and matches(entry, patterns)}
        if patterns and not chosen and not any(entry.split == DEV for entry in entries):
            raise UserError(f"no training sentence matches {','.join(patterns)} (--dev)")
    return separate([replace(entry, split=DEV) if entry in chosen else entry for entry in entries])


def separate(entries: Sequence[Entry]) -> list[Entry]:
    """Give every sentence one split in all domains: "eval" before "dev" before "train"; other splits stay as they are.

    Raises:
        UserError: a domain that had sentences for training has none left.
    """
    ranks: dict[str, int] = defaultdict(int)
    for entry in entries:
        if entry.pair and entry.split in RANKS:
            ranks[entry.pair] = max(ranks[entry.pair], RANKS[entry.split])
    splits = list(RANKS)
    separated = [
        replace(entry, split=splits[ranks[entry.pair]]) if entry.pair and entry.split in RANKS else entry
        for entry in entries
    ]
    left = {entry.domain for entry in separated if entry.split == TRAIN}
    for entry in entries:
        if entry.split == TRAIN and entry.domain not in left:
            raise UserError(
                f"domain `{entry.domain}`: no sentence is left for training, because other domains say the same ones "
                "in `dev` or `eval`; choose the splits with --train, --dev and --eval"
            )
    return separated


def matches(entry: Entry, patterns: Sequence[str]) -> bool:
    """Return whether the last part of the entry's id matches one of the globs."""
    return any(fnmatchcase(entry.id.rpartition("/")[2], pattern) for pattern in patterns)


def _choose(entries: Sequence[Entry]) -> set[Entry]:
    """Choose the entries that are set aside by default."""
    training: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        if entry.split == TRAIN:
            training[entry.domain][entry.pair or entry.id].append(entry)
    if not training:
        return set()
    smallest = min(training, key=lambda domain: len(training[domain]))
    if (count := len(training[smallest])) < SMALLEST:
        log.info(
            "no development set: `%s` has %d training sentences, fewer than %d (--dev PATTERNS chooses some)",
            smallest, count, SMALLEST,
        )  # fmt: skip
        return set()
    paired = {domain: {e.pair for of_one in s.values() for e in of_one if e.pair} for domain, s in training.items()}
    common = set.intersection(*paired.values()) if len(paired) > 1 else set()
    chosen = set()
    for sentences in training.values():
        names = _space(common if len(common) >= SMALLEST else sentences)
        chosen |= {entry for name in names for entry in sentences[name]}
    return chosen


def _space(names: Mapping[str, object] | set[str]) -> list[str]:
    """Return every tenth of the sorted names, the last of each ten; further apart where that would be too many."""
    ordered = sorted(names)
    count = min(max(len(ordered) // EVERY, FEWEST), MOST)
    return [ordered[(place + 1) * len(ordered) // count - 1] for place in range(count)]
