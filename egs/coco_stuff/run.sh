#!/usr/bin/env bash
# COCO-Stuff (Caesar et al. 2018): photographs of everything with labels of 182 classes and instances; 118,287 to train
# with, 5,000 to measure.
#
#   bash egs/coco_stuff/run.sh [--corpus DIR] [--config FILE | --model NAME] [--tag NAME]
#                              [--stage N] [--stop_stage M] [--vgg FILE] [--deep true] [key=value ...]
#
# Without --corpus, stage 0 downloads it (20 GB) and draws the instance maps from the annotations. DIR holds
# {train,val}_{img,label,inst}/ with files of the same names; unlabelled pixels are 255.
source=label target=photo
recipes=image_translation
config=conf/spade.yaml
layout=labels

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
