#!/usr/bin/env bash
# Cityscapes (Cordts et al. 2016): street scenes with labels and instances, 2048 x 1024; 2975 to train with, 500 to
# measure.
#
#   bash egs/cityscapes/run.sh --corpus DIR [--config FILE | --model NAME] [--tag NAME]
#                              [--stage N] [--stop_stage M] [--vgg FILE] [--deep true] [key=value ...]
#
# DIR is the unpacked distribution (leftImg8bit/ and gtFine/), or {train,test}_{label,inst,img}/ with files of the same
# order. Labels are the ids 0 to 33 of the distribution; a plane marks where one object ends and the next begins.
source=label target=photo
recipes=image_translation
config=conf/pix2pixhd.yaml
layout=labels

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
