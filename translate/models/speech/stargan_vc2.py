"""StarGAN-VC2 (Kaneko, Kameoka, Tanaka, Hojo, Interspeech 2019; arXiv 1907.12279): one generator for many domains.

StarGAN-VC2 changes two things in StarGAN-VC; each can be switched on its own, as in the paper's ablations:

    network.loss       source_target | target | classification   what separates the domains (sec. 3.1)
    network.condition  modulation | channels                     how the code enters the generator (sec. 3.2)

The loss also sets the codes: with `source_target` generator and discriminator get the codes of source and target; with
`target` both get the target's alone; with `classification` the discriminator gets none and classifies the domain
itself.

Guesses and deviations from the paper:
    - Kernels are guesses, as public versions differ: 5x15 and 5x5 in the 2-D layers, as in CycleGAN-VC2 (others have
      StarGAN-VC's 3x9 and 4x8), and 5 in the blocks (others have 3).
    - So is the instance norm after the 1x1 convolution that leads back to 2-D: CycleGAN-VC2 has it, some public
      versions of StarGAN-VC2 do not.
    - Scale and shift of a conditional instance norm are the sum of one row per source and one per target, and so is
      the discriminator's embedding; separate rows for every pair would not extend to new speakers.
    - The discriminator has no norms, unlike public versions, which have CycleGAN-VC2's instance norms. With these
      before the sum over all positions, the adversarial gradient at the generator's output is a thousand times that of
      the weighted cycle loss (measured on untrained networks; without norms the two are equal). Initial embeddings are
      as large as the rows of its linear layer.
    - `network.residual`, false by default, is not in the paper: it makes blocks add to their input. Without it, small
      networks take several times as many steps to reconstruct anything.
    - With `channels` the code enters before the first layer and before every block; the paper gives no table.
    - With `classification` the classifier is a second linear layer of the discriminator with the weight 1; StarGAN-VC's
      is a separate network.
    - The learning rates are constant over all 300,000 steps; the paper gives no schedule.
"""

from typing import Literal

from pydantic import Field

from translate.config import DataConfig, Section, TrainConfig, WorldConfig
from translate.games.star import StarGame
from translate.games.vectors import check_domains
from translate.models.base import Players, SpeechModel, Start, player, until
from translate.networks.star_vc2 import StarVc2Discriminator, StarVc2Generator

# For each `network.loss`: the game, the codes of the generator, and the number of one-hots in each network's code.
Game = Literal["plain", "target", "source_target"]
GAMES: dict[str, tuple[Game, Literal["target", "source_target"], int, int]] = {
    #                  game             codes            generator  discriminator
    "source_target":  ("source_target", "source_target", 2,         2),
    "target":         ("target",        "target",        1,         1),
    "classification": ("plain",         "target",        1,         0),
}  # fmt: skip


class Network(Section):
    loss: Literal["source_target", "target", "classification"] = "source_target"
    condition: Literal["modulation", "channels"] = "modulation"
    channels: int = Field(128, ge=4, multiple_of=4)  # channels of the first convolution; other widths scale with it
    blocks: int = Field(9, ge=1)                                    # gated convolutions in the generator's middle
    residual: bool = False  # whether these add to their input; for short trainings
    adversarial: Literal["saturating", "nonsaturating", "lsgan", "hinge"] = "lsgan"
    start: Start = "none"  # linear: the generator adds to the linear map; nearest: and to near frames; not in the paper


class StarGanVc2(SpeechModel):
    title = "StarGAN-VC2"
    task = "voice conversion among many domains"
    paper = "Kaneko et al. 2019, arXiv 1907.12279"
    tiny = {**SpeechModel.tiny, "data": {"domains": ["low", "middle", "high"]}}

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, dimensions=36)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=300_000, batch_size=8, crop=256, decay_from=1.0)
    players: Players = {  # `classification` is for `loss: classification` only
        "generator": player(2e-4, adversarial=1, classification=1, cycle=10, identity=until(10_000, 5)),
        "discriminator": player(1e-4, adversarial=1, classification=1, r1=0),
    }

    def build(self) -> StarGame:
        n, domains, bins = self.network, self.data.domains, self.features.dimensions
        check_domains(domains, exclusive=True, sets=(), groups=())
        game, codes, generator_codes, judged = GAMES[n.loss]
        classifies = n.loss == "classification"
        net = StarVc2Generator(bins, len(domains), generator_codes, n.channels, n.blocks, n.condition, n.residual)
        return StarGame(
            domains,
            self.from_linear_maps(net, generator_codes),
            StarVc2Discriminator(len(domains), judged, n.channels, classes=classifies),
            self.weights(*["classification"] * (not classifies)),
            exclusive=True,
            adversarial=n.adversarial,
            discriminator_steps=1,
            game=game,
            codes="source_target" if n.start != "none" else codes,
        )
