# Waveform models, which make the speech of a vocoder natural.
#
# The stages, options and files are those of postfilter.sh. By default the synthetic speech is the target's own through
# WORLD's analysis and synthesis; --smooth, --converter and --base take its place as there.
options="source target base smooth converter jobs"
is_given base || base=
. "$recipe_root/recipes/postfilter.sh"
