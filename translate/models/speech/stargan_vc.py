"""StarGAN-VC (Kameoka, Kaneko, Tanaka, Hojo, SLT 2018; arXiv 1806.02169): one generator for many domains.

It has three players: the generator takes the target domain as a code, the discriminator judges speech given a domain,
and a separate classifier recognises the domain. One model converts between all pairs of `data.domains`.

    network.adversarial   nonsaturating (cross entropy, the paper's) | lsgan | wgan (with a gradient penalty)
    network.norm          batch, the paper's, in all three networks | instance, in the generator alone

Fine-tuning adds domains to a trained model: set `train.start_from` to its run and `data.domains` to old and new names.

Guesses and deviations from the paper:
    - Weights of the losses, learning rates, batch, crop and steps are guesses, as the paper gives no numbers. They are
      those of CycleGAN-VC, with batches of 8. Public versions train on crops of 512 frames (`train.crop=512`).
    - With `adversarial: wgan` the discriminator has no norms: the penalty needs the gradient of every sample, in which
      batch norm would mix the others (Gulrajani et al. 2017, sec. 4).
    - With `norm: instance`, as in many public versions, discriminator and classifier have no norms, as they would hide
      the code. In the generator, too, it hides most of it: in the widest decoder layer an eighth of its effect is left.
      Checkpoints from before this key was there have it.
    - Each segment is judged and classified separately, and the losses average. The paper multiplies the probabilities
      of the segments; the logarithm is the same except for the discriminator's term on fakes.
    - The kernels around the middle have as many rows as a quarter of the coefficients: the paper's 9 for 36.
    - The classifier sees the first 8 coefficients, c0 included.
    - The classifier learns from real speech at every step, under every `network.adversarial`.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WorldConfig
from translate.games.star import StarGame
from translate.games.vectors import check_domains
from translate.models.base import Players, SpeechModel, Start, player, until
from translate.networks.star_vc import StarVcClassifier, StarVcDiscriminator, StarVcGenerator


class Network(Section):
    channels: int = Field(32, ge=4, multiple_of=4)  # channels of the first layers; the classifier has a quarter
    bottleneck: int = Field(5, ge=1)                                # channels between encoder and decoder
    norm: Literal["batch", "instance"] = "batch"                    # batch: in all networks; instance: in the generator
    adversarial: Literal["nonsaturating", "lsgan", "wgan"] = "nonsaturating"
    discriminator_steps: int = Field(1, ge=1)                       # per step of the generator
    start: Start = "none"  # linear: the generator adds to the linear map; nearest: and to near frames; not in the paper


class StarGanVc(SpeechModel):
    title = "StarGAN-VC"
    task = "voice conversion among many domains"
    paper = "Kameoka et al. 2018, arXiv 1806.02169"
    tiny = {**SpeechModel.tiny, "data": {"domains": ["low", "middle", "high"]}, "network": {"channels": 4}}
    former = {"network": {"norm": "instance"}}

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=36)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=200_000, batch_size=8, crop=128)
    players: Players = {
        "generator": player(2e-4, adversarial=1, classification=1, cycle=10, identity=until(10_000, 5)),
        "discriminator": player(1e-4, adversarial=1, gradient_penalty=10, r1=0),  # gradient_penalty: wgan only
        "classifier": player(1e-4, classification=1),
    }

    def build(self) -> StarGame:
        n, domains, bins = self.network, self.data.domains, self.features.dimensions
        check_domains(domains, exclusive=True, sets=(), groups=())
        wgan, batch = n.adversarial == "wgan", n.norm == "batch"
        return StarGame(
            domains,
            self.from_linear_maps(StarVcGenerator(bins, len(domains), n.channels, n.bottleneck, n.norm), codes=1),
            StarVcDiscriminator(bins, len(domains), n.channels, norm=batch and not wgan),
            self.weights(*["gradient_penalty"] * (not wgan)),
            exclusive=True,
            adversarial=n.adversarial,
            discriminator_steps=n.discriminator_steps,
            classifier=StarVcClassifier(len(domains), n.channels // 4, norm=batch),
            game="target",
            codes="source_target" if n.start != "none" else "target",
        )
