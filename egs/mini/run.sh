#!/usr/bin/env bash
# Every task in miniature, on data made on the spot. No download.
#
#   bash egs/mini/run.sh [--part PART] [--stage N] [--stop_stage M] [--config FILE] [--tag NAME] [--jobs N] [key=value ...]
#
#   --part voice     (default) two synthetic voices: a small CycleGAN-VC2 learns to convert one into the other. The table
#                    compares the unconverted voice, the trivial converter (mean and variance) and the network.
#   --part speech    two or three synthetic voices: all speech systems, two at a time. The table compares the input, the
#                    untrained network and the trained one. Takes no other options.
#   --part image     tiles of the photographs that come with scikit-image: all image systems, likewise
#   --part SYSTEM    one of them: cyclegan_vc2, gan_vc, stargan_vc, stargan_vc2, gan_postfilter, stft_postfilter,
#                    wavecyclegan, wavecyclegan2; pix2pix, cyclegan, stargan, srresnet, srgan, pix2pixhd, spade
#   --part all       voice, speech, image
set -euo pipefail

recipes=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../recipes" && pwd)
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

# The folder $1 of the built-in pictures.
get_pictures() {
    python -c 'from translate.images.corpus.mini import make_images; make_images("corpus/pictures")'
    echo "$PWD/corpus/pictures/$1"
}

# The folder of the built-in voices.
get_voices() {
    python -c 'from translate.speech.corpus.mini import make_speech; make_speech("corpus/voices", voices=("low", "high", "middle"))'
    echo "$PWD/corpus/voices"
}

config=conf/$part.yaml tag=$part
case "$part" in
    voice)
        config=conf/cyclegan_vc2.yaml tag=
        source=low target=high domains=low,high train_files='train_*' eval_files='eval_*'
        get_corpus() { get_voices; }
        . "$recipes/voice_conversion.sh"
        ;;
    cyclegan_vc2 | gan_vc | stargan_vc | stargan_vc2)
        data=data/voices dump=dump/voices domains=low,high,middle train_files='train_0[0-2]*' eval_files='eval_00[1-4]'
        case "$part" in
            cyclegan_vc2) source=low target=high config=conf/cyclegan_vc2_small.yaml ;;
            gan_vc) source=low target=high ;;
        esac
        get_corpus() { get_voices; }
        . "$recipes/voice_conversion.sh"
        ;;
    gan_postfilter | stft_postfilter)
        data=data/postfilter source=low target=high train_files='train_0[01]*' eval_files='eval_00[1-4]'
        case "$part" in
            gan_postfilter) base=conf/mse_vc.yaml ;;
            stft_postfilter) smooth=15 ;;
        esac
        get_corpus() { get_voices; }
        . "$recipes/postfilter.sh"
        ;;
    wavecyclegan | wavecyclegan2)
        data=data/waveform dump=dump/waveform source=low target=high smooth=25 train_files='train_0[01]*' eval_files='eval_00[1-4]'
        get_corpus() { get_voices; }
        . "$recipes/waveform.sh"
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
    speech | image)
        [ $# -eq 0 ] || { echo "run.sh: --part $part takes no other options, found $*" >&2 && exit 2; }
        cd "$(dirname "$0")"
        . local/compare_untrained.sh
        ;;
    all)
        [ $# -eq 0 ] || { echo "run.sh: --part all takes no other options, found $*" >&2 && exit 2; }
        for part in voice speech image; do bash "$0" --part "$part"; done
        ;;
    *)
        echo "run.sh: unknown part $part; known: speech image all voice cyclegan_vc2 gan_vc stargan_vc stargan_vc2" \
            "gan_postfilter stft_postfilter wavecyclegan wavecyclegan2 pix2pix cyclegan stargan srresnet srgan pix2pixhd" \
            "spade" >&2
        exit 2
        ;;
esac
