#!/usr/bin/env bash
# CMP Facades (Tylecek and Sara 2013) as in the pix2pix paper: 400 pairs to train with, 100 to measure; photographs on
# the left, label maps of 12 colours on the right, 256 x 256 each.
#
#   bash egs/facades/run.sh [--corpus DIR] [--source labels] [--target photo] [--config FILE | --model NAME] [--tag NAME]
#                           [--stage N] [--stop_stage M] [--vgg FILE] [--deep true] [key=value ...]
#
# Without --corpus, stage 0 downloads it (30 MB). DIR holds train/ and val/ with the pairs side by side in one file.
# --source photo --target labels is the other direction (pix2pix only: the others read label maps).
source=labels target=photo
recipes=image_translation
config=conf/pix2pix.yaml
layout=pairs domains=photo,labels

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
