#!/usr/bin/env bash
# Handwritten digits of 8 x 8 pixels, made from noise. No download: scikit-learn ships them.
#
#   bash egs/digits/run.sh [--config FILE | --model NAME] [--tag NAME] [--count N]
#                          [--stage N] [--stop_stage M] [key=value ...]
#
# Models: gan dcgan lsgan wgan wgan_gp sngan (the default) sagan biggan progan stylegan, each in some minutes on a CPU;
# conf/ has their settings.
recipes=synthesis
config=conf/sngan.yaml
layout=folders domains=0,1,2,3,4,5,6,7,8,9

get_corpus() { python local/write_digits.py "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
