#!/usr/bin/env python
"""Estimate what a corpus of speech costs in time, disk and memory, from rates that tools/bench.py measured.

    python tools/scaling.py [--hours 44 --domains 110] [--cores 2] [--analysis 0.187] [--step-ms 146] ...

Prints Markdown: the formulas are the functions of `Plan`. Without --hours: VCTK, LibriTTS and a million hours.
"""

import argparse
from dataclasses import dataclass, fields

CORPORA = {"VCTK": (44, 110), "LibriTTS": (585, 2456), "a million hours": (1_000_000, 2456)}  # hours, domains
GIB = 2**30


@dataclass
class Plan:
    """A corpus, a machine and a training; every method is one formula.

    The defaults of the rates are those of docs/benchmarks.md: extraction and training step of CycleGAN-VC2 at a
    quarter of the paper's width.
    """

    hours: float = 44                                               # of speech
    domains: int = 110                                              # speakers
    cores: int = 2                                                  # of all machines that extract
    analysis: float = 0.252                                         # seconds of a core per second of speech (Harvest)
    step_ms: float = 179                                            # of one training step
    steps: int = 400_000
    batch: int = 1                                                  # crops per step
    crop: int = 128                                                 # frames of a crop
    hop_ms: float = 5.0
    dimensions: int = 36
    sentence: float = 5.0                                           # seconds of an utterance
    shard_mb: float = 256
    shuffled: int = 4096                                            # translate.speech.shards.sampling.SHUFFLED

    def utterances(self) -> float:
        return self.hours * 3600 / self.sentence

    def frames(self) -> float:
        return self.hours * 3600 * 1000 / self.hop_ms

    def dump_bytes(self) -> float:
        """float32 mel-cepstra and F0; the shards take as much again, and so do, until they are joined, the parts."""
        return self.frames() * 4 * (self.dimensions + 1)

    def extraction_hours(self) -> float:
        return self.hours * self.analysis / self.cores

    def shards(self) -> float:
        """At least one per domain."""
        return max(self.dump_bytes() / (self.shard_mb * 1e6), self.domains)

    def dump_memory(self) -> float:
        """Of the lists of the dump's utterances, about 400 bytes each (id, pair, path); the frames stay on disk."""
        return 400 * self.utterances()

    def shard_memory(self) -> float:
        """32 bytes per utterance that is shuffled, in every domain, and about 800 per shard of the index."""
        per_shard = self.utterances() / self.shards()
        held = min(self.shuffled + per_shard, self.utterances() / self.domains)
        return 32 * held * self.domains + 800 * self.shards()

    def training_hours(self) -> float:
        return self.steps * self.step_ms / 3.6e6

    def heard_hours(self) -> float:
        """Of speech that the crops of all steps hold together; the same for a corpus of any size."""
        return self.steps * self.batch * self.crop * self.hop_ms / 3.6e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for field in fields(Plan):
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=None)
    given = {name: value for name, value in vars(parser.parse_args()).items() if value is not None}
    print(make_table([("given", Plan(**given))] if "hours" in given else list_corpora(given)))


def list_corpora(given: dict[str, float]) -> list[tuple[str, Plan]]:
    return [(name, Plan(**{"hours": hours, "domains": domains} | given)) for name, (hours, domains) in CORPORA.items()]


def make_table(plans: list[tuple[str, Plan]]) -> str:
    """Markdown: one row per plan."""
    names = ["corpus", "hours", "utterances", "extraction", "dump", "shards", "memory (dump)", "memory (shards)",
             "training", "heard"]  # fmt: skip
    rows = [
        [
            name,
            f"{plan.hours:,.0f}",
            f"{plan.utterances():,.0f}",
            show_time(plan.extraction_hours()),
            show_size(plan.dump_bytes()),
            f"{plan.shards():,.0f}",
            show_size(plan.dump_memory()),
            show_size(plan.shard_memory()),
            show_time(plan.training_hours()),
            f"{plan.heard_hours():,.0f} h",
        ]
        for name, plan in plans
    ]
    lines = [names, ["---", *["---:"] * (len(names) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def show_time(hours: float) -> str:
    return f"{hours:.1f} h" if hours < 100 else f"{hours / 24:,.0f} days"


def show_size(size: float) -> str:
    return f"{size / GIB:,.1f} GiB" if size >= GIB else f"{size / 2**20:,.1f} MiB"


if __name__ == "__main__":
    main()
