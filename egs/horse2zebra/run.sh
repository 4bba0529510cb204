#!/usr/bin/env bash
# Horses and zebras from ImageNet, unpaired (Zhu et al. 2017): 1067 and 1334 to train with, 120 and 140 to measure;
# 256 x 256.
#
#   bash egs/horse2zebra/run.sh [--corpus DIR] [--config FILE | --model NAME] [--tag NAME]
#                               [--stage N] [--stop_stage M] [--deep true] [key=value ...]
#
# Without --corpus, stage 0 downloads it (110 MB). DIR holds trainA/ trainB/ testA/ testB/; any other two sets of
# images in this layout do as well (apple2orange, monet2photo, yours).
source=horse target=zebra
recipes=image_translation
config=conf/cyclegan.yaml
layout=unpaired domains=horse,zebra

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
