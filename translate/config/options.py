"""Options of one call, such as a conversion, as a section: keywords in Python, `key=value` on the command line."""

from collections.abc import Mapping
from typing import Any

from translate.config.reading import SomeSection, validate

WHERE = "options"                                                   # opens messages


def read_options(section: type[SomeSection], given: Mapping[str, Any]) -> SomeSection:
    """Return the section with the values given; NumPy's numbers are taken as Python's.

    Raises:
        UserError: an unknown option (the message names the nearest), or a value out of its range.
    """
    return validate(section, {name: _plain(value) for name, value in given.items()}, WHERE)


def _plain(value: Any) -> Any:
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value
