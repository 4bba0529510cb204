#!/usr/bin/env bash
# Every task in miniature, on data made on the spot. No download.
#
#   bash egs/mini/run.sh [--part PART] [--stage N] [--stop_stage M] [--config FILE] [--tag NAME] [--jobs N] [key=value ...]
#
#   --part voice     (default) two synthetic voices: a small CycleGAN-VC2 learns to convert one into the other. The table
#                    compares the unconverted voice, the trivial converter (mean and variance) and the network.
#   --part speech    two or three synthetic voices: all speech models, two at a time. The table compares the input, the
#                    untrained network and the trained one. Takes no other options.
#   --part image     tiles of the photographs that come with scikit-image: all image models, likewise
#   --part MODEL     one of them, such as pix2pix: conf/MODEL_small.yaml where there is one, else conf/MODEL.yaml. What it
#                    learns from follows from the model
#   --part all       voice, speech, image
set -euo pipefail
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} # a second thread would slow networks this small down

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
part=voice
arguments=()
while [ $# -gt 0 ]; do
    case "$1" in
        --part=*) part=${1#*=} ;;
        --part)
            [ $# -ge 2 ] || { echo "run.sh: option --part needs a value" >&2 && exit 2; }
            part=$2
            shift
            ;;
        *) arguments+=("$1") ;;
    esac
    shift
done
set -- ${arguments[@]+"${arguments[@]}"}

# The names of all configurations, without those that stand for another.
list_parts() { basename -a -s .yaml "$here"/conf/*.yaml | grep -v '_small$' | tr '\n' ' '; }

# The folder of the built-in corpus $corpus_kind: voices, or one of the folders of images.
get_corpus() {
    if [ "$corpus_kind" = voices ]; then
        python -c 'from translate.speech.corpus.mini import make_speech; make_speech("corpus/voices", voices=("low", "high", "middle"))'
        echo "$PWD/corpus/voices"
    else
        python -c 'from translate.images.corpus.mini import make_images; make_images("corpus/pictures")'
        echo "$PWD/corpus/pictures/$corpus_kind"
    fi
}

# What a model learns from, by its facts: corpus, folders, domains. See recipes/run.sh.
adapt() {
    pair="low high" corpus_kind=voices train_files='train_0[01]*' dev_files=none eval_files='eval_00[1-4]'
    case "$fact_recipe-$fact_batches-$fact_source" in
        voice_conversion-*) data=data/voices dump=dump/$fact_features domains=low,high,middle train_files='train_0[0-2]*' ;;
        postfilter-*-stft) data=data/postfilter && smooth_unless_given 15 ;;
        postfilter-*) data=data/postfilter base=${base:-conf/mse_vc.yaml} ;;
        waveform-*) data=data/waveform dump=dump/waveform-$fact_features && smooth_unless_given 25 ;;
        super_resolution-*) corpus_kind=high data=data/high ;;
        *-labelled-pictures) corpus_kind=domains data=data/domains layout=folders domains=brick,grass,gravel ;;
        *-unpaired-pictures) corpus_kind=unpaired data=data/unpaired layout=unpaired domains=brick,grass pair="brick grass" ;;
        *-paired-pictures) corpus_kind=pairs data=data/pairs layout=pairs domains=edges,photo pair="photo edges" ;;
        *-labels) corpus_kind=labels data=data/labels layout=labels pair="label photo" ;;
        *)
            echo "run.sh: --part $part: no built-in corpus for $fact_recipe, $fact_batches, of $fact_source" >&2
            exit 2
            ;;
    esac
}
smooth_unless_given() { if [ -z "${smooth:-}${converter:-}${base:-}" ]; then smooth=$1; fi; }

case "$part" in
    voice)
        unset -f adapt
        config=conf/cyclegan_vc2.yaml corpus_kind=voices
        source=low target=high domains=low,high train_files='train_*' dev_files=none eval_files='eval_*'
        . "$here/../../recipes/run.sh"
        ;;
    speech | image)
        [ $# -eq 0 ] || { echo "run.sh: --part $part takes no other options, found $*" >&2 && exit 2; }
        cd "$here"
        . local/compare_untrained.sh
        ;;
    all)
        [ $# -eq 0 ] || { echo "run.sh: --part all takes no other options, found $*" >&2 && exit 2; }
        for part in voice speech image; do bash "$0" --part "$part"; done
        ;;
    *)
        config=conf/$part.yaml tag=$part
        if [ -f "$here/conf/${part}_small.yaml" ]; then config=conf/${part}_small.yaml; fi
        if [ ! -f "$here/$config" ]; then
            echo "run.sh: unknown part $part; known: speech image all voice $(list_parts)" >&2
            exit 2
        fi
        . "$here/../../recipes/run.sh"
        ;;
esac
