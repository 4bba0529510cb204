"""The base of games of many domains: names of domains become float vectors."""

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from translate.config import LossWeight
from translate.errors import UserError
from translate.games.base import Translator


class VectorGame(Translator):
    """A game whose networks take domains as float vectors c (B, K), K being the number of domains.

    A vector is one-hot for exclusive classes, 0/1 for attributes, or anything between: domains can be mixed.

    Several data sets (Choi et al. 2018, sec. 3.3): domains that are labelled together make a *set*; `sets` cuts
    `domains` into them. A sample belongs to the set that labels it: for exclusive classes the one where its domain
    is, for attributes the one where the batch's "mask" is 1. A *code* is then [c, m] (eq. 7), c being 0 where it is
    unknown and m the one-hot of the set; with a single set the code is c.

    Args:
        players, weights: as for `Game`.
        domains: names of the entries of a vector.
        exclusive: whether a sample has exactly one domain, or any number.
        sets: lists of domains, one after the other as in `domains`; empty: all are one set.
        exclusive_groups: groups of attributes of which a sample has one each, such as colours of hair; see `edit`.

    Raises:
        UserError: domains are missing or there twice; a set or a group does not fit them.
    """

    batches = "labelled"

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        weights: Mapping[str, Mapping[str, LossWeight]],
        domains: Sequence[str],
        exclusive: bool,
        sets: Sequence[Sequence[str]] = (),
        exclusive_groups: Sequence[Sequence[str]] = (),
    ):
        check_domains(domains, exclusive, sets, exclusive_groups)
        super().__init__(players, weights)
        self.domains, self.exclusive = list(domains), exclusive
        self.sizes = [len(names) for names in sets] or [len(domains)]
        self.exclusive_groups = [list(names) for names in exclusive_groups]

    def encode(self, domain: Tensor, labelled: Tensor) -> Tensor:
        """Make the code (B, K [+ sets]): `domain` (B, K) and, with several sets, the one-hot of the set.

        `labelled` (B, K) is above 0 for the domains of the sample's set.
        """
        if len(self.sizes) == 1:
            return domain
        members = [(part > 0).any(dim=1, keepdim=True) for part in labelled.split(self.sizes, dim=1)]
        return torch.cat([domain, *(member.to(domain.dtype) for member in members)], dim=1)

    def shuffle(self, code: Tensor) -> Tensor:
        """Draw a random permutation (B,) of the batch; with several sets, one that permutes within each set."""
        if len(self.sizes) == 1:
            return torch.randperm(len(code), device=code.device)
        kind = code[:, -len(self.sizes) :].argmax(dim=1)
        drawn = kind + torch.rand(len(kind), device=code.device, dtype=torch.float64)  # sorts by set, then by chance
        return torch.empty_like(kind).scatter(0, kind.argsort(stable=True), drawn.argsort())

    def read_code(self, domain: str | Tensor, x: Tensor, role: str) -> Tensor:
        """Read the codes (B, K [+ sets]) for `x` (B, C, *S): one domain for all samples, or one for each.

        Args:
            domain: name that `vector` takes, or a float tensor (K,) or (B, K), or with the set's one-hot (B, K + sets).
                With several sets, a row of (B, K) belongs to the set in which it is not 0.
            role: role of the domain, for error messages: source or target.

        Raises:
            UserError: an unknown name; with several sets, names of none of them or of two.
            ValueError: a tensor of another shape.
        """
        code, entries, sets = domain, len(self.domains), len(self.sizes)
        if isinstance(code, str):
            code = self.vector(code)
            if sets > 1 and sum(bool(part.any()) for part in code.split(self.sizes)) != 1:
                raise UserError(f"{role} `{domain}`: expected domains of one data set; they are {self._show_sets()}")
        if code.shape[-1] not in (entries, entries + (sets if sets > 1 else 0)) or code.dim() > 2:
            raise ValueError(f"{role}: expected vectors of {entries} domains, got shape {tuple(code.shape)}")
        code = code.to(x.device, torch.float32).expand(len(x), -1)
        return self.encode(code, code) if code.shape[1] == entries else code

    def vector(self, target: str) -> Tensor:
        """Make the vector (K,) of a domain, or of attributes joined by "+" (those are 1, all others 0; "": none).

        Raises:
            UserError: an unknown name, or several of exclusive domains.
        """
        names = [target] if target in self.domains or self.exclusive else [n for n in target.split("+") if n]
        vector = torch.zeros(len(self.domains))
        for name in names:
            vector[self._find(name)] = 1.0
        return vector

    def edit(self, vector: Tensor, attribute: str) -> Tensor:
        """Return vectors (..., K) with one attribute changed, as targets of a translation.

        An attribute is toggled; one of an exclusive group is set and the others of its group are cleared, as the
        figures of Choi et al. 2018 do it: hair becomes blond, men women and women men. Exclusive domains are one group.

        Raises:
            UserError: an unknown attribute.
        """
        place, edited = self._find(attribute), vector.clone()
        groups = [self.domains] if self.exclusive else self.exclusive_groups
        group = next((names for names in groups if attribute in names), None)
        if group is None:
            edited[..., place] = 1 - vector[..., place]
            return edited
        edited[..., [self.domains.index(name) for name in group]] = 0.0
        edited[..., place] = 1.0
        return edited

    def domain_axes(self) -> dict[str, tuple[int, int]]:
        """Return which axes of the weights are indexed by domains: {key of `state_dict`: (axis, blocks)}.

        The last `blocks` x K entries of that axis are `blocks` runs of the K domains in their order. A network with
        such parameters has a method of this name. A run with more domains can then start from this one
        (`checkpoints.store.start_from`). Empty with several sets, whose codes do not end in domains.
        """
        if len(self.sizes) > 1:
            return {}
        axes: dict[str, tuple[int, int]] = {}
        for prefix, network in self.named_modules():
            if network is not self and hasattr(network, "domain_axes"):
                axes |= {f"{prefix}.{key}": place for key, place in network.domain_axes().items()}
        return axes

    def draw_codes(self, x: Tensor, random: np.random.Generator) -> dict[str, Tensor]:
        """Draw codes to try a graph with: two different domains of the first set, or any mixtures of attributes."""
        if self.exclusive:
            drawn = np.eye(len(self.domains))[[random.permutation(len(self.domains))[:2] for _ in x]]
        else:
            drawn = random.uniform(size=(len(x), 2, len(self.domains)))
        codes = torch.from_numpy(drawn).float().unbind(1)
        first = torch.zeros(len(x), len(self.domains))
        first[:, : self.sizes[0]] = 1
        source, target = (self.encode(code, code if self.exclusive else first) for code in codes)
        return {"source": source, "target": target}

    def _find(self, name: str) -> int:
        if name in self.domains:
            return self.domains.index(name)
        nearest = difflib.get_close_matches(name, self.domains, n=1, cutoff=0.4)
        hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(self.domains)}"
        raise UserError(f"unknown domain `{name}`; {hint}")

    def _show_sets(self) -> str:
        names = iter(self.domains)
        return "; ".join(", ".join(next(names) for _ in range(size)) for size in self.sizes)


def check_domains(
    domains: Sequence[str], exclusive: bool, sets: Sequence[Sequence[str]], groups: Sequence[Sequence[str]]
) -> None:
    """Raise `UserError` unless the domains can be told apart and the sets and groups fit them."""
    least, shown = 2 if exclusive else 1, ", ".join(domains)
    if len(domains) < least or len(set(domains)) != len(domains):
        raise UserError(f"`data.domains` is [{shown}]: expected {least} or more different names; give --domains")
    if sets and ([name for names in sets for name in names] != list(domains) or not all(sets)):
        raise UserError(
            f"`network.sets` is {[list(names) for names in sets]}: "
            f"expected lists that joined give `data.domains` in its order ({shown})"
        )
    grouped = [name for names in groups for name in names]
    unknown = [name for name in grouped if name not in domains]
    if unknown:
        raise UserError(f"`network.exclusive_groups` names `{unknown[0]}`, which `data.domains` lacks ({shown})")
    if len(set(grouped)) != len(grouped):
        raise UserError("`network.exclusive_groups`: expected every attribute in one group only")

class Coded(nn.Module):
    """`generate` of a game of vectors, as a module called with samples and codes."""

    def __init__(self, game: Any):
        super().__init__()
        self.game = game

    def forward(self, x: Tensor, *codes: Tensor) -> Tensor:
        return self.game.generate(x, codes[0], codes[-1])
