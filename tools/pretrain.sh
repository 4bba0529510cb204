#!/usr/bin/env bash
# Make pretrained/ again: train each model small, measure it, and share it with its card.
#
#   bash tools/pretrain.sh [--vcc2016 DIR] [--fsdd DIR] [NAME ...]
#
# NAME: a model of pretrained/, such as stargan_vc2-fsdd; default: all, one after the other, some hours on two cores.
# DIR: the Voice Conversion Challenge 2016 (needed for cyclegan_vc2-* and gan_postfilter-TM1), see egs/vcc2016/run.sh,
# and the Free Spoken Digit Dataset (cloned where not given), see egs/fsdd/run.sh. The images come with scikit-image.
#
# Existing runs are not trained again. Results in the cards are renewed; parts that people wrote (licence, the machine
# and the date of the training, what the model is bad at) stay, and people must keep them up to date.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
vcc2016= fsdd= names=()
while [ $# -gt 0 ]; do
    case "$1" in
        --vcc2016 | --fsdd)
            [ $# -ge 2 ] && [ -d "$2" ] || { echo "tools/pretrain.sh: $1 needs a folder" >&2 && exit 2; }
            printf -v "${1#--}" %s "$(cd "$2" && pwd)"
            shift
            ;;
        -*) echo "tools/pretrain.sh: unknown option $1; known: --vcc2016 --fsdd" >&2 && exit 2 ;;
        *) names+=("$1") ;;
    esac
    shift
done
cd "$root"
known=$(basename -a pretrained/*/ | tr '\n' ' ')
if [ ${#names[@]} -eq 0 ]; then read -r -a names <<<"$known"; fi
. tools/activate.sh

train_vcc() { # CONFIGURATION [OPTION ...]
    [ -n "$vcc2016" ] || { echo "tools/pretrain.sh: give the Voice Conversion Challenge 2016: --vcc2016 DIR" >&2 && exit 2; }
    bash egs/vcc2016/run.sh --corpus "$vcc2016" --config "conf/$1.yaml" --jobs 1 "${@:2}"
}
train_mini() { # MODEL TAG [OPTION ...]
    bash egs/mini/run.sh --part "$1" --tag "$2" "${@:3}"
}
give() { # RUN; in 16 bits where what is there is
    local half=()
    if head -c 4000 "pretrained/$name/weights.safetensors" 2>/dev/null | grep -aq '"F16"'; then half=(--half); fi
    translate share "$1" "pretrained/$name" ${half[@]+"${half[@]}"}
}

for name in "${names[@]}"; do
    case "$name" in
        cyclegan_vc2-SF1-TM1 | cyclegan_vc2-SM1-TF1)
            pair=${name#cyclegan_vc2-}
            train_vcc cyclegan_vc2_small --source "${pair%-*}" --target "${pair#*-}"
            give "egs/vcc2016/exp/cyclegan_vc2_small_$pair"
            ;;
        gan_postfilter-TM1)
            train_vcc gan_postfilter_small
            give egs/vcc2016/exp/gan_postfilter_small_mse_vc_small_SF1-TM1
            ;;
        stargan_vc2-fsdd)
            bash egs/fsdd/run.sh ${fsdd:+--corpus "$fsdd"} --jobs 2
            give egs/fsdd/exp/stargan_vc2_small
            ;;
        srresnet-x2)
            train_mini srresnet pretrained_srresnet_x2 images.scale=2
            give egs/mini/exp/pretrained_srresnet_x2
            ;;
        srgan-x4)
            train_mini srresnet pretrained_srresnet_x4
            train_mini srgan pretrained_srgan_x4 --start_from exp/pretrained_srresnet_x4
            give egs/mini/exp/pretrained_srgan_x4
            ;;
        *)
            model=${name%-*}
            if [ ! -f "egs/mini/conf/pretrained/$model.yaml" ]; then
                echo "tools/pretrain.sh: unknown name $name; known: $known" >&2
                exit 2
            fi
            train_mini "$model" "pretrained_$model" --config "conf/pretrained/$model.yaml"
            give "egs/mini/exp/pretrained_$model"
            ;;
    esac
done
