#!/usr/bin/env bash
# Points in the plane from noise: a ring of 8 and a grid of 25 Gaussians, which a generator should cover. No download.
#
#   bash egs/toy/run.sh [--data ring|grid] [--objective NAME] [--turns N] [--seed N] [--out DIR]
#
# Trains every objective (or one: nonsaturating, saturating, lsgan, r1, hinge_sn, wgan, wgan_gp) by the game of the image
# models, with networks of three layers, and prints how many of the modes the samples cover and how unevenly. DIR
# (exp/ring, exp/grid) gets results.md, results.json, modes.png (samples over time) and modes.gif. --turns: of the
# generator (3000; half of it where five turns of a critic go before each).
set -euo pipefail

options="data objective turns seed out"
data=ring objective= turns=3000 seed=0 out=
caller_folder=$PWD
. "$(dirname "${BASH_SOURCE[0]}")/../../tools/parse_options.sh"
[ ${#overrides[@]} -eq 0 ] || { echo "run.sh: unexpected argument ${overrides[0]}" >&2 && exit 2; }
cd "$(dirname "$0")"
. ../../tools/activate.sh
case "$out" in "") out=exp/$data ;; /*) ;; *) out=$caller_folder/$out ;; esac
python local/cover_modes.py --data "$data" ${objective:+--objective "$objective"} --turns "$turns" --seed "$seed" --out "$out"
