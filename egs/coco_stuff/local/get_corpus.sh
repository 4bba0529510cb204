#!/usr/bin/env bash
# Download COCO 2017 (photographs, instances) and COCO-Stuff (label maps). Prints DIR with {train,val}_{img,label,inst}/.
#
#   bash local/get_corpus.sh DIR
. "$(dirname "${BASH_SOURCE[0]}")/../../../recipes/download.sh"

dir=$1
coco=${COCO_URL:-https://s3.amazonaws.com/images.cocodataset.org}
stuff=${COCO_STUFF_URL:-http://calvin.inf.ed.ac.uk/wp-content/uploads/data/cocostuffdataset}

lay_out() { # split, number of photographs
    local split=$1
    if [ ! -d "$dir/${split}_img" ]; then
        unpack "$coco/zips/${split}2017.zip" downloads/photos
        expect "downloads/photos/${split}2017" "$2" '*.jpg'
        mv "downloads/photos/${split}2017" "$dir/${split}_img"
    fi
    if [ ! -d "$dir/${split}_label" ]; then
        [ -d "downloads/labels/${split}2017" ] || unpack "$stuff/stuffthingmaps_trainval2017.zip" downloads/labels
        expect "downloads/labels/${split}2017" "$2" '*.png'
        mv "downloads/labels/${split}2017" "$dir/${split}_label"
    fi
    if [ ! -d "$dir/${split}_inst" ]; then
        local annotations=downloads/annotations/annotations/instances_${split}2017.json
        [ -f "$annotations" ] || unpack "$coco/annotations/annotations_trainval2017.zip" downloads/annotations
        python local/draw_instances.py "$annotations" "$dir/${split}_label" "$dir/${split}_inst"
    fi
}

mkdir -p "$dir"
lay_out train 118287
lay_out val 5000
echo "$dir"
