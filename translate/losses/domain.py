"""Classification of domains, and games in which the discriminator takes the domains as input.

Domains and attributes are float vectors (B, K): one-hot, soft or mixed. A classifier's logits are (B, K), or
(B, K, *S) where it decides per patch; then the loss averages over patches.
"""

import torch.nn.functional as F
from torch import Tensor


def domain_classification(logits: Tensor, target: Tensor) -> Tensor:
    """Return the cross entropy of exclusive domains: -E[sum_k target_k log softmax(logits)_k].

    The classifier minimises it on real samples with their domain, the generator on fakes with the wanted
    one. A row of zeros (unknown domain, as where several data sets are joined) has loss 0.

    Choi et al. 2018 (StarGAN), eq. 2 and 3; Kameoka et al. 2018 (StarGAN-VC).

    Args:
        logits: logits (B, K) or (B, K, *S).
        target: probabilities (B, K).

    Returns:
        0-dim float32, in nats.

    Raises:
        ValueError: the shapes do not fit.
    """
    return -(_spread(target, logits) * logits.float().log_softmax(dim=1)).sum(dim=1).mean()


def attribute_classification(logits: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return the binary cross entropy of independent attributes, *summed* over attributes, averaged over the batch.

    E[sum_k mask_k (-target_k log s_k - (1 - target_k) log(1 - s_k))] with s = sigmoid(logits).

    Choi et al. 2018 (StarGAN), eq. 2 and 3, section 3.2 (several data sets); the sum follows its code.

    Args:
        logits: logits (B, K) or (B, K, *S).
        target: attributes (B, K) in [0, 1].
        mask: (B, K), 1 where the sample's data set labels the attribute, else 0; None: all are labelled.

    Returns:
        0-dim float32, in nats.

    Raises:
        ValueError: the shapes do not fit.
    """
    weight = None if mask is None else _spread(mask, logits)
    errors = F.binary_cross_entropy_with_logits(
        logits.float(), _spread(target, logits), weight=weight, reduction="none"
    )
    return errors.sum(dim=1).mean()


def _spread(vectors: Tensor, logits: Tensor) -> Tensor:
    """Repeat vectors (B, K) at every position of logits (B, K, *S), in float32."""
    if vectors.shape != logits.shape[:2]:
        raise ValueError(
            f"classification: expected vectors {tuple(logits.shape[:2])} for logits {tuple(logits.shape)}, "
            f"got {tuple(vectors.shape)}"
        )
    return vectors.float().reshape(*vectors.shape, *[1] * (logits.dim() - 2)).expand_as(logits)


Told = tuple[Tensor, ...]  # further inputs of a discriminator: float vectors (B, K)


def tell_domains(game: str, source: Tensor, target: Tensor) -> tuple[Told, Told]:
    """Return the vectors for a discriminator beside real x of domain c and its translation G(x), with target c'.

    | game          | real       | fake       | what it judges                                                    |
    |---------------|------------|------------|-------------------------------------------------------------------|
    | plain         | D(x)       | D(G)       | is it natural? A classifier has to judge the domain            |
    | target        | D(x, c)    | D(G, c')   | is it natural for that domain?                                    |
    | source_target | D(x, c', c)| D(G, c, c')| the same *given* where it came from: real samples as if they had  |
    |               |            |            | been translated the other way                                     |

    In the last, every pair of domains has its own game, and no classifier is needed.

    Kameoka et al. 2018 (StarGAN-VC), section 3: target. Kaneko et al. 2019 (StarGAN-VC2), section 3.1: source_target.

    Args:
        game: one of the three.
        source: vectors c (B, K).
        target: vectors c' (B, K).

    Returns:
        The vectors beside real samples and those beside fakes, for `judge_together`, `judge_frozen`, a penalty.

    Raises:
        ValueError: another game.
    """
    games: dict[str, tuple[Told, Told]] = {
        "plain": ((), ()),
        "target": ((source,), (target,)),
        "source_target": ((target, source), (source, target)),
    }
    if game not in games:
        raise ValueError(f"game {game!r}: expected one of {', '.join(games)}")
    return games[game]
