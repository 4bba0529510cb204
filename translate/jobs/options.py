"""Options of verbs: each belongs to a modality; an option of another modality is refused by a message that says so."""

import difflib
from collections.abc import Mapping
from typing import Any

from translate.config import Section
from translate.config.options import WHERE, read_options
from translate.errors import UserError
from translate.jobs.modality import Modality, list_modalities


def read_conversion(modality: Modality, given: Mapping[str, Any], where: object) -> Section:
    """Return the options of a conversion as the modality's section; `where` opens the message about others' options."""
    _refuse_others(modality, "conversion", given, f"{where} converts {modality.noun}")
    return read_options(modality.conversion, given)


def read_generation(modality: Modality, given: Mapping[str, Any], where: object) -> Section:
    """Return the options of a generation, likewise."""
    _refuse_others(modality, "generation", given, f"{where} makes {modality.noun}")
    return read_options(modality.generation, given)


def read_evaluation(modality: Modality, given: Mapping[str, Any], where: object) -> Section:
    """Return the options of an evaluation, likewise."""
    _refuse_others(modality, "evaluation", given, f"{where} holds {modality.noun}")
    return read_options(modality.evaluation, given)


def foresee_conversion(given: Mapping[str, Any]) -> None:
    """Check options before anything heavy is imported, as far as that is possible without a checkpoint.

    Raises:
        UserError: an option that no modality has, or a value that no modality accepts.
    """
    modalities = list_modalities()
    for name in given:
        owners = [modality for modality in modalities if name in modality.conversion.model_fields]
        if not owners:
            known = sorted({key for modality in modalities for key in modality.conversion.model_fields})
            nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean `{nearest[0]}`?" if nearest else f"known: {', '.join(known)}"
            raise UserError(f"{WHERE}: unknown key `{name}`; {hint}")
        errors = [error for owner in owners if (error := _find_error(owner, {name: given[name]}))]
        if len(errors) == len(owners):
            raise errors[0]


def _find_error(modality: Modality, given: Mapping[str, Any]) -> UserError | None:
    try:
        read_options(modality.conversion, given)
    except UserError as error:
        return error
    return None


def _refuse_others(modality: Modality, verb: str, given: Mapping[str, Any], what: str) -> None:
    """Raise `UserError` for the first option that another modality has, but this one does not."""
    for name in given:
        if name not in getattr(modality, verb).model_fields:
            others = [other.noun for other in list_modalities() if name in getattr(other, verb).model_fields]
            if others:
                raise UserError(f"{name}: {what}, which has no such option; it is one of {' and '.join(others)}")
