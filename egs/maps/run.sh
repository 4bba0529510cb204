#!/usr/bin/env bash
# Aerial photographs and maps (Isola et al. 2017): 1096 pairs to train with, 1098 to measure; photographs on the left,
# maps on the right, 600 x 600 each.
#
#   bash egs/maps/run.sh [--corpus DIR] [--source aerial] [--target map] [--config FILE | --model NAME] [--tag NAME]
#                        [--stage N] [--stop_stage M] [--deep true] [key=value ...]
#
# Without --corpus, stage 0 downloads it (240 MB). DIR holds train/ and val/ with the pairs side by side in one file.
# CycleGAN draws photographs and maps independently, so it learns without pairs; its evaluation knows them.
source=aerial target=map
recipes=image_translation
config=conf/pix2pix.yaml
layout=pairs domains=aerial,map

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
