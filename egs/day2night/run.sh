#!/usr/bin/env bash
# Views of webcams by day and by night, unpaired.
#
#   bash egs/day2night/run.sh [--corpus DIR] [--config FILE | --model NAME] [--tag NAME]
#                             [--stage N] [--stop_stage M] [--deep true] [key=value ...]
#
# DIR holds trainA/ and testA/ (day), trainB/ and testB/ (night); any size. Without it, stage 0 downloads night2day of
# the pix2pix paper (Laffont et al. 2014, 1.9 GB) and takes its pairs apart.
source=day target=night
recipes=image_translation
config=conf/cyclegan.yaml
layout=unpaired domains=day,night

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
