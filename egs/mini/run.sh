#!/usr/bin/env bash
# Every task in miniature, on data made on the spot. No download.
#
#   bash egs/mini/run.sh [--part PART] [--stage N] [--stop_stage M] [--config FILE] [--tag NAME] [--jobs N] [key=value ...]
#
#   --part speech    (default) two synthetic voices: a small CycleGAN-VC2 learns to convert one into the other. The table
#                    compares the unconverted voice, the trivial converter (mean and variance) and the network.
#   --part image     tiles of the photographs that come with scikit-image: all image systems, one after the other and two
#                    at a time. The table compares each untrained network with the trained one. Takes no other options.
#   --part SYSTEM    one of them: pix2pix, cyclegan, stargan, srresnet, srgan, pix2pixhd, spade
#   --part all       speech, then image
set -euo pipefail

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../recipes" && pwd)
part=speech
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

# The folder $1 of the built-in pictures.
get_pictures() {
    python -c 'from translate.data.mini_images import make_images; make_images("corpus/pictures")'
    echo "$PWD/corpus/pictures/$1"
}

config=conf/$part.yaml tag=$part
case "$part" in
    speech)
        config=conf/cyclegan_vc2.yaml tag=
        source=low target=high domains=low,high train_files='train_*' eval_files='eval_*'
        get_corpus() {
            python -c 'from translate.data.mini import make_speech; make_speech("corpus")'
            echo "$PWD/corpus"
        }
        . "$recipes/voice_conversion.sh"
        ;;
    pix2pix)
        data=data/pairs source=photo target=edges layout=pairs domains=edges,photo
        get_corpus() { get_pictures pairs; }
        . "$recipes/image_translation.sh"
        ;;
    cyclegan)
        data=data/unpaired source=brick target=grass layout=unpaired domains=brick,grass
        get_corpus() { get_pictures unpaired; }
        . "$recipes/image_translation.sh"
        ;;
    stargan)
        data=data/domains layout=folders domains=brick,grass,gravel
        get_corpus() { get_pictures domains; }
        . "$recipes/image_translation.sh"
        ;;
    pix2pixhd | spade)
        data=data/labels source=label target=photo layout=labels
        get_corpus() { get_pictures labels; }
        . "$recipes/image_translation.sh"
        ;;
    srresnet | srgan)
        data=data/high
        get_corpus() { get_pictures high; }
        . "$recipes/super_resolution.sh"
        ;;
    image)
        [ $# -eq 0 ] || { echo "run.sh: --part image takes no other options, found $*" >&2 && exit 2; }
        cd "$(dirname "$0")"
        . local/compare_untrained.sh
        ;;
    all)
        [ $# -eq 0 ] || { echo "run.sh: --part all takes no other options, found $*" >&2 && exit 2; }
        bash "$0" --part speech
        bash "$0" --part image
        ;;
    *)
        echo "run.sh: unknown part $part; known: speech image all pix2pix cyclegan stargan srresnet srgan pix2pixhd spade" >&2
        exit 2
        ;;
esac
