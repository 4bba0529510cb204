"""Options of one call, such as a conversion: a section, by keyword in Python and by `key=value` on the command line."""

from collections.abc import Mapping
from typing import Any

from translate.config.reading import SomeSection, validate

WHERE = "options"                                                   # opens messages


def read_options(section: type[SomeSection], given: Mapping[str, Any]) -> SomeSection:
    """Return the section with the values given; NumPy's numbers count as Python's.

    Raises:
        UserError: an unknown option, with the nearest that there is, or a value out of its range.
    """
    return validate(section, {name: _plain(value) for name, value in given.items()}, WHERE)


def _plain(value: Any) -> Any:
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
