#!/usr/bin/env bash
# Super-resolution x4: trained on the 91 images of Yang et al. (2010) and 200 of BSD (Martin et al. 2001), measured on
# Set5 and Set14.
#
#   bash egs/bsd/run.sh [--corpus DIR] [--config FILE | --model NAME] [--tag NAME] [--start_from RUN] [--low files|made]
#                       [--stage N] [--stop_stage M] [--vgg FILE] [--deep true] [key=value ...]
#
# Without --corpus, stage 0 downloads it (130 MB). DIR holds a folder for each set of images: those with files X_HR and
# X_LR are measured, with LR as it is (--low made: made from HR, for other factors than 4); all others train.
# SRGAN starts from an SRResNet: train that first (conf/srresnet.yaml for conf/srgan.yaml, the small one for the small).
recipes=super_resolution
config=conf/srresnet.yaml

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
