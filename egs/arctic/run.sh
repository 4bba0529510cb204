#!/usr/bin/env bash
# CMU ARCTIC: 1132 English sentences, about an hour, by each speaker, the same for all, 16 kHz.
#
#   bash egs/arctic/run.sh [--corpus DIR] [--source bdl] [--target slt] [--config FILE | --model NAME] [--tag NAME]
#                          [--stage N] [--stop_stage M] [--jobs N] [--difference true] [key=value ...]
#
# The configuration decides what is made: conversion from the source to the target (cyclegan_vc2, mse_vc, ...), among
# many speakers (stargan_vc2: bdl, slt, clb, rms; others with --domains A,B,C), or natural speech out of synthetic
# speech of the target:
#
#   gan_postfilter, stft_postfilter   of what a converter, trained first, makes of the source (--base CONFIG), of another
#                                     run's (--converter RUN), or of smoothed analysis-synthesis (--smooth N)
#   wavecyclegan2                     of analysis-synthesis, or of the same three
#
# Without --corpus, stage 0 downloads an archive for each speaker (about 100 MB). DIR: a local copy with one folder per
# speaker, as local/get_corpus.sh lays it out. The last 40 sentences are for evaluation, the ten before them choose the
# best step of a training (dev).
recipes="voice_conversion postfilter waveform"
pair="bdl slt"
config=conf/cyclegan_vc2.yaml base=conf/mse_vc.yaml
domains=bdl,slt,clb,rms train_files='arctic_a*,arctic_b0[0-4]*' dev_files='arctic_b049*' eval_files='arctic_b05*'

get_corpus() { bash local/get_corpus.sh "$PWD/corpus" "$domains${source:+,$source,$target}"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
