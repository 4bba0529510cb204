# Waveform systems, which make the speech of a vocoder natural; sourced by egs/<corpus>/run.sh, which sets the defaults.
#
# The stages, options and files are those of postfilter.sh. By default the synthetic speech is the target's own through
# WORLD's analysis and synthesis; --smooth, --converter and --base take its place as there.
base=
. "$(dirname "${BASH_SOURCE[0]}")/postfilter.sh"
