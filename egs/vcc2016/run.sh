#!/usr/bin/env bash
# Voice Conversion Challenge 2016, four English speakers: SF1, SM1, TF1, TM1; the first letter says whether the
# challenge used a speaker as source or target, the second the gender.
#
#   bash egs/vcc2016/run.sh --corpus DIR [--source SF1] [--target TM1] [--config FILE | --model NAME] [--tag NAME]
#                           [--stage N] [--stop_stage M] [--jobs N] [key=value ...]
#
# DIR holds SF1/ SM1/ TF1/ TM1/ with 100001.wav ... (training) and 200001.wav ... (evaluation), 16 kHz. Training is
# non-parallel: the first half of the sentences trains the source, the second half the target.
source=SF1 target=TM1
config=conf/cyclegan_vc2_small.yaml
domains=SF1,SM1,TF1,TM1 train_files='1*' eval_files='2*'

get_corpus() {
    echo "vcc2016/run.sh: give the folder of the corpus: --corpus DIR (Voice Conversion Challenge 2016, DataShare 10283/2211)" >&2
    exit 2
}

. "$(dirname "${BASH_SOURCE[0]}")/../../recipes/voice_conversion.sh"
