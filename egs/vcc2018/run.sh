#!/usr/bin/env bash
# Voice Conversion Challenge 2018, the corpus of the CycleGAN-VC2 paper: 81 training and 35 evaluation sentences per
# speaker, 22.05 kHz. The paper's pairs: SF3 or SM3 (sources of the spoke task) to TF1 or TM1. The last four training
# sentences of each speaker choose the best step of a training (dev).
#
#   bash egs/vcc2018/run.sh [--corpus DIR] [--source SF3] [--target TM1] [--config FILE | --model NAME] [--tag NAME]
#                           [--stage N] [--stop_stage M] [--jobs N] [--difference true] [key=value ...]
#
# The configuration decides what is made: conversion from the source to the target (cyclegan_vc2, mse_vc, ...), among
# the speakers of the StarGAN-VC2 paper (stargan_vc2: SF1, SF2, SM1, SM2; others with --domains A,B,C), or natural speech
# out of synthetic speech of the target:
#
#   gan_postfilter, stft_postfilter   of what a converter, trained first, makes of the source (--base CONFIG), of another
#                                     run's (--converter RUN), or of smoothed analysis-synthesis (--smooth N)
#   wavecyclegan, wavecyclegan2       of analysis-synthesis, or of the same three
#
# --difference true, for two speakers of one gender (SF3 and TF1), filters the source's waves instead of using the
# vocoder, as the CycleGAN-VC2 paper does; F0 stays. It takes part in stage 4: add --stage 4 to convert again.
#
# Without --corpus, stage 0 downloads the three archives (about 0.6 GB, resumed when cut). DIR: a local copy with one
# folder per speaker, as local/get_corpus.sh lays it out.
recipes="voice_conversion postfilter waveform"
pair="SF3 TM1" many=SF1,SF2,SM1,SM2
config=conf/cyclegan_vc2.yaml base=conf/mse_vc.yaml
domains=SF3,SM3,TF1,TM1 train_files='1*,2*' dev_files='[12]007[89],[12]008*' eval_files='3*'

get_corpus() { bash local/get_corpus.sh "$PWD/corpus"; }

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
