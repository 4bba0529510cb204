#!/usr/bin/env python
"""Write scikit-learn's handwritten digits (1,797 of 8 x 8 pixels, UCI's test set) as train/<digit>/ and test/<digit>/.

    python local/write_digits.py FOLDER

The first 1,400 train.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

TRAINING = 1400
WHITE = 16                                                          # the largest value of a pixel

folder = Path(sys.argv[1])
digits = load_digits()
for number, (pixels, digit) in enumerate(zip(digits.images, digits.target, strict=True)):
    place = folder / ("train" if number < TRAINING else "test") / str(digit)
    place.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(pixels * 255 / WHITE).astype(np.uint8)).save(place / f"{number:04d}.png")
print(folder)
