#!/usr/bin/env bash
# Two synthetic voices, made on the spot: a small CycleGAN-VC2 learns to convert one into the other. No download.
#
#   bash egs/mini/run.sh [--stage N] [--stop_stage M] [--config FILE] [--tag NAME] [--jobs N] [key=value ...]
#
# The table at the end compares the unconverted voice, the trivial converter (mean and variance) and the network.
source=low target=high
config=conf/cyclegan_vc2.yaml
domains=low,high train_files='train_*' eval_files='eval_*'

get_corpus() {
    python -c 'from translate.data.mini import make_speech; make_speech("corpus")'
    echo "$PWD/corpus"
}

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/voice_conversion.sh"
