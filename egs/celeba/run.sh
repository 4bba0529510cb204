#!/usr/bin/env bash
# CelebA (Liu et al. 2015): 202,599 faces with 40 attributes; StarGAN changes hair colour, gender and age as in its paper.
#
#   bash egs/celeba/run.sh --corpus DIR [--domains Black_Hair,Blond_Hair,Brown_Hair,Male,Young]
#                          [--config FILE | --model NAME] [--tag NAME]
#                          [--stage N] [--stop_stage M] [--deep true] [key=value ...]
#
# DIR holds images/ (faces, such as 000001.jpg) and list_attr_celeba.txt. Other attributes of that file: --domains (the
# configuration's network.exclusive_groups names those that exclude each other).
domains=Black_Hair,Blond_Hair,Brown_Hair,Male,Young
recipes=image_translation
config=conf/stargan.yaml
layout=attributes

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
