#!/usr/bin/env bash
# VCTK 0.92: 110 English speakers with many accents, some 400 sentences each, 48 kHz. All read the same 24 sentences of
# the rainbow passage: the first four choose the best step of a training (dev), the others are for evaluation. All
# further ones are newspaper sentences, different for every speaker.
#
#   bash egs/vctk/run.sh [--corpus DIR] [--domains p225,p226,p227,p228] [--source p225] [--target p226]
#                        [--config FILE | --model NAME] [--tag NAME]
#                        [--stage N] [--stop_stage M] [--jobs N] [--difference true] [key=value ...]
#
# The configuration decides what is made: conversion among --domains (stargan_vc, stargan_vc2), between the source and
# the target (cyclegan_vc2), or natural speech out of the target's analysis-synthesis (wavecyclegan2; --smooth N smooths).
#
# Without --corpus, stage 0 downloads the archive (11 GB, resumed when cut). DIR: a local copy of VCTK-Corpus-0.92, the
# folder with wav48_silence_trimmed/. Stage 1 links the recordings of the first microphone into corpus/speakers.
recipes="voice_conversion postfilter waveform"
pair="p225 p226"
config=conf/stargan_vc2.yaml base=
domains=p225,p226,p227,p228 train_files='p*,s*' dev_files='rainbow_00[1-4]' eval_files='rainbow_00[5-9],rainbow_0[12]*'

get_corpus() { bash local/get_corpus.sh "$PWD/corpus/VCTK-Corpus-0.92"; }
arrange_corpus() { bash local/arrange_corpus.sh "$1" "$PWD/corpus/speakers" || exit 2; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
