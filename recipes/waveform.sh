# Waveform models, which make the speech of a vocoder natural.
#
# The stages, options and files are those of postfilter.sh. By default the synthetic speech is made from the target's
# recordings by WORLD's analysis and synthesis; --smooth, --converter and --base choose other ways.
options="source target base smooth converter jobs"
is_given base || base=
. "$recipe_root/recipes/postfilter.sh"
