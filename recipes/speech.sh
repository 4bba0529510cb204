# Any speech system: picks the recipe that the configuration's model asks for. Sourced by egs/<corpus>/run.sh, which sets
# what the recipes ask of their callers, but the speakers in this form:
#
#   pair      "SF1 TM1": source and target by default, of systems with two domains
#   domains   those of the manifests
#   many      "SF1,SF2,SM1": domains by default, of systems with many (StarGAN-VC); default: `domains`
speech_config=$config speech_previous= source= target=
for speech_word in "$@"; do
    case "$speech_previous" in
        --config) speech_config=$speech_word ;;
        --model) speech_config=conf/$speech_word.yaml ;;
    esac
    case "$speech_word" in
        --config=*) speech_config=${speech_word#--config=} ;;
        --model=*) speech_config=conf/${speech_word#--model=}.yaml ;;
        --domains | --domains=*) pair= ;;
    esac
    speech_previous=$speech_word
done
if [ ! -f "$speech_config" ]; then speech_config=$(dirname "$0")/$speech_config; fi
speech_model=$(sed -n 's/^model: *\([^ #]*\).*/\1/p' "$speech_config" 2>/dev/null || true)
recipe=voice_conversion
case "$speech_model" in
    *stargan*)
        if [ -n "$pair" ] && [ -n "${many:-}" ]; then domains=$many data=data/many; fi
        pair=
        ;;
    *postfilter) recipe=postfilter ;;
    *wavecyclegan*) recipe=waveform ;;
esac
if [ -n "$pair" ]; then read -r source target <<<"$pair"; fi
. "$(dirname "${BASH_SOURCE[0]}")/$recipe.sh"
