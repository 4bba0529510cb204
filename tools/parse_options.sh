# Sourced: turns `--name value` into the shell variable `name`, which must have a default (as Kaldi's script does);
# `given` lists these names; `key=value` arguments gather in the array `overrides`; --help prints the comment at the head
# of the calling script.
overrides=() given=
while [ $# -gt 0 ]; do
    case "$1" in
        -h | --help)
            sed -n '2,/^[^#]/{s/^# \{0,1\}//p}' "$0"
            exit 0
            ;;
        --*=*)
            _name=${1%%=*}
            set -- "$_name" "${1#*=}" "${@:2}"
            ;;
        --*)
            _name=${1#--}
            _name=${_name//-/_}
            if [ -z "${!_name+set}" ] || [[ ! " $options " == *" $_name "* ]]; then
                echo "$(basename "$0"): unknown option $1; known: --${options// / --}" >&2
                exit 2
            fi
            if [ $# -lt 2 ]; then
                echo "$(basename "$0"): option $1 needs a value" >&2
                exit 2
            fi
            printf -v "$_name" '%s' "$2"
            given+=" $_name"
            shift 2
            ;;
        *=*)
            overrides+=("$1")
            shift
            ;;
        *)
            echo "$(basename "$0"): unexpected argument $1 (options start with --, settings are key=value)" >&2
            exit 2
            ;;
    esac
done
