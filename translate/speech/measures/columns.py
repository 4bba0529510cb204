"""The columns of the tables of converted speech: what is measured beside a model's output, from worst to best.

All are waves that were analysed alike, but for `converted`: the features that the model gave out, before synthesis.
"""

COLUMN_TITLES = {
    "source": "unconverted",
    "source_vocoder": "source, vocoder",
    "mean_variance": "mean-variance",
    "linear": "linear",
    "scaled": "variance scaled",
    "converted": "converted, features",
    "resynthesised": "converted, wave",
    "target_vocoder": "target, vocoder",
    "another_take": "another take",
    "target": "natural target",
    "other": "natural, other domains",
}
MADE = ("source_vocoder", "mean_variance", "linear", "scaled", "target_vocoder")  # made here, by `baselines`
CONVERTED = ("converted", "resynthesised")                          # columns of the model
RIVALS = ("source", "mean_variance", "linear")                      # what a model is compared with


def order_columns(found: object) -> list[str]:
    """Return those of the columns that `found` holds, in the order of tables."""
    return [column for column in COLUMN_TITLES if column in found]  # type: ignore[operator]
