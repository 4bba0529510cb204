"""LSGAN (Mao, Li, Xie, Lau, Wang, Smolley, ICCV 2017; arXiv 1611.04076): least squares instead of cross entropy.

The targets are 0 for generated samples, 1 for real ones, and 1 for the generator (the paper's eq. 9). The networks are
DCGAN's, and so are all switches; see `dcgan`.

    players.*.losses.adversarial   0.5: the paper halves both objectives (eq. 2)

Deviations from the paper:
    - DCGAN's networks at 64 pixels; the paper's for LSUN at 112 pixels have more layers, with kernels of 3 and 5.
    - Adam at 2e-4; the paper takes 1e-3 for LSUN and 2e-4 for characters, as far as remembered.
    - Squared errors of raw logits; some public code takes them of probabilities.
"""

from translate.models.base import Adversarial, Players, player
from translate.models.noise import dcgan


class Network(dcgan.Network):
    adversarial: Adversarial = "lsgan"


class Lsgan(dcgan.Dcgan):
    title = "LSGAN"
    paper = "Mao et al. 2017, arXiv 1611.04076"

    network: Network = Network()
    players: Players = {
        "generator": player(2e-4, adversarial=0.5),
        "discriminator": player(2e-4, adversarial=0.5, gradient_penalty=0, r1=0),
    }
