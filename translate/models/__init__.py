"""The models of the literature, one class and one file each: `base.Model` defines what a model is.

A user's own model is such a file anywhere on PYTHONPATH, named by its dotted path: `model: my_package.my_model`.
"""

from translate.models.base import Model
from translate.models.registry import NAMES, build, find_model, list_models, resolve, resolve_saved

__all__ = ["NAMES", "Model", "build", "find_model", "list_models", "resolve", "resolve_saved"]
