"""The linear map between voices, without training: the converter that every other one has to beat.

Each frame of mel-cepstra is converted on its own by the map that `translate.speech.analysis.linear_map` fits to the
training recordings of two domains, without pairs: an all-pass warp of the frequency axis, as of vocal tracts of other
lengths (Eide and Gish 1996, ICASSP), then the optimal transport of one Gaussian to another (Gelbrich 1990). Statistical
converters before the networks are of this kind (Kain and Macon 1998, ICASSP: a mixture of such maps, from pairs).

With `network.nearest` the mapped frames then go some of the way to the mean of the four real frames of the target that
are nearest to them, in normalised coefficients (Baas et al. 2023, arXiv 2305.18975, replace whole frames, of features
that a large network has learned).

Training takes one step, which changes nothing; the statistics are all there is. One model converts between all pairs of
`data.domains`.

Choices:
    - The covariances leave out long silence around sentences.
    - The warp is chosen among 31, by the correlations of c1 to c24; those above follow the pitch.
    - Only true mel-cepstra are warped (`features.codec: sptk`).
    - Nearest frames are among 2,000, evenly spread over the target's training material. 0.3 of the way was
      chosen on the dev set of vcc2016; the whole way costs words and naturalness.
"""


from pydantic import Field

from translate.config import DataConfig, PlayerConfig, Section, TrainConfig, WorldConfig
from translate.games.linear import LinearGame
from translate.games.vectors import check_domains
from translate.models.base import Players, SpeechModel
from translate.networks.linear import LinearMaps

MOST = 64                                                           # domains: the maps of all pairs are kept


class Network(Section):
    warp: bool = True                                               # whether the frequency axis is warped first
    nearest: float = Field(0.0, ge=0, le=1)  # how much of the way frames then go to the nearest of the target


class LinearVc(SpeechModel):
    title = "Linear map"
    task = "voice conversion among many domains"
    paper = "optimal transport, Gelbrich 1990"
    tiny = {**SpeechModel.tiny, "data": {"domains": ["low", "middle", "high"]}, "network": {}}

    network: Network = Network()
    features: WorldConfig = WorldConfig(sample_rate=22050, codec="sptk", dimensions=35)
    data: DataConfig = DataConfig(batches="labelled")
    train: TrainConfig = TrainConfig(steps=1, batch_size=2, crop=8)
    players: Players = {"generator": PlayerConfig(losses={})}

    def build(self) -> LinearGame:
        domains = self.data.domains
        check_domains(domains, exclusive=True, sets=(), groups=())
        self.refuse(len(domains) > MOST, "data.domains", f"expected at most {MOST}: all pairs have maps")
        return LinearGame(domains, LinearMaps(self.features.dimensions, domains, self.network.nearest), self.weights())
