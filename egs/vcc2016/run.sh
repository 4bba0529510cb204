#!/usr/bin/env bash
# Voice Conversion Challenge 2016, four English speakers: SF1, SM1, TF1, TM1; the first letter says whether the
# challenge used a speaker as source or target, the second the gender.
#
#   bash egs/vcc2016/run.sh --corpus DIR [--source SF1] [--target TM1] [--config FILE | --model NAME] [--tag NAME]
#                           [--stage N] [--stop_stage M] [--jobs N] [--difference true] [key=value ...]
#
# The configuration decides what is made: conversion from the source to the target (cyclegan_vc2, mse_vc, ...), among all
# four speakers (stargan_vc2; fewer with --domains A,B,C), or natural speech out of synthetic speech of the target:
#
#   gan_postfilter, stft_postfilter   of what a small converter, trained first, makes of the source (--base CONFIG), of
#                                     another run's (--converter RUN), or of smoothed analysis-synthesis (--smooth N)
#   wavecyclegan, wavecyclegan2       of analysis-synthesis, or of the same three
#
# --difference true, for two speakers of one gender (SF1 and TF1), filters the source's waves instead of using the
# vocoder, as the CycleGAN-VC2 paper does; F0 stays. It takes part in stage 4: add --stage 4 to convert again.
#
# DIR holds SF1/ SM1/ TF1/ TM1/ with 100001.wav ... (training) and 200001.wav ... (evaluation), 16 kHz. The sentences
# 100027 to 100030 choose the best step of a training (dev). Training is non-parallel: the first half of the other
# sentences trains the source, the second half the target.
recipes="voice_conversion postfilter waveform"
pair="SF1 TM1"
config=conf/cyclegan_vc2_small.yaml base=conf/mse_vc_small.yaml
domains=SF1,SM1,TF1,TM1 train_files='1*' dev_files='10002[7-9],100030' eval_files='2*'

get_corpus() {
    echo "vcc2016/run.sh: give the folder of the corpus: --corpus DIR (Voice Conversion Challenge 2016, DataShare 10283/2211)" >&2
    exit 2
}

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/run.sh"
