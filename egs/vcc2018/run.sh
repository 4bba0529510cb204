#!/usr/bin/env bash
# Voice Conversion Challenge 2018, the corpus of the CycleGAN-VC2 paper: 81 training and 35 evaluation sentences per
# speaker, 22.05 kHz. The paper's pairs: SF3 or SM3 (sources of the spoke task) to TF1 or TM1.
#
#   bash egs/vcc2018/run.sh [--corpus DIR] [--source SF3] [--target TM1] [--config FILE | --model NAME] [--tag NAME]
#                           [--stage N] [--stop_stage M] [--jobs N] [key=value ...]
#
# Without --corpus, stage 0 downloads the three archives (about 0.6 GB, resumed when cut). DIR: a local copy with one
# folder per speaker, as local/get_corpus.sh lays it out.
source=SF3 target=TM1
config=conf/cyclegan_vc2.yaml
domains=SF3,SM3,TF1,TM1 train_files='1*,2*' eval_files='3*'

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/voice_conversion.sh"
