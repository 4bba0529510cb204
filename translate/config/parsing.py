"""The one place where YAML is parsed: configurations, settings on the command line and the front matter of cards.

The text may come from strangers: its size, its depth and its numbers are bounded, and aliases, which can multiply its
size, are refused.
"""

import re
from typing import Any

import yaml

from translate.config.sections import Section

LONGEST = 2**18                                                     # characters; bytes of a file
DEEPEST = 20                                                        # nesting; a configuration has 4
MOST_DIGITS = 40                                                    # digits of an integer

_OPENING = (
    yaml.BlockMappingStartToken, yaml.BlockSequenceStartToken, yaml.FlowMappingStartToken, yaml.FlowSequenceStartToken,
)  # fmt: skip
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


class _Loader(yaml.SafeLoader):
    """A loader that reads `2e-4` as a number, unlike YAML 1.1, and refuses a key given twice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"the key `{key.value}` is there twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        if len(node.value) > MOST_DIGITS:
            raise yaml.MarkedYAMLError(problem="a number of too many digits", problem_mark=node.start_mark)
        return super().construct_yaml_int(node)


class _Dumper(yaml.SafeDumper):
    """A dumper that quotes words that `_Loader` would read as numbers, such as a speaker 2e4, without aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
for _class in (_Loader, _Dumper):
    _class.add_implicit_resolver(
        "tag:yaml.org,2002:float",
        re.compile(r"^[-+]?(\d+(\.\d*)?|\.\d+)[eE][-+]?\d+$"),
        list("-+.0123456789"),
    )


def parse_yaml(text: str) -> Any:
    """Parse `text`; raise `yaml.YAMLError` where it is not YAML or exceeds the bounds."""
    if len(text) > LONGEST:
        raise yaml.YAMLError(f"it is longer than {LONGEST} characters")
    depth = 0
    for token in yaml.scan(text):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > DEEPEST or isinstance(token, yaml.AliasToken):
            raise yaml.YAMLError(f"it has aliases, or more than {DEEPEST} levels; such is not taken")
    try:
        return yaml.load(text, _Loader)
    except yaml.YAMLError:
        raise
    except Exception as error:  # a wrong value behind a tag raises anything: `!!bool perhaps`
        raise yaml.YAMLError(f"a value that does not fit its type: {type(error).__name__}") from None


def format_yaml(config: Section) -> str:
    """Format a configuration as YAML, from which `parse_yaml` reads the same values."""
    return yaml.dump(config.model_dump(), Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def format_value(value: Any) -> str:
    """Format one value as YAML on one line, which `parse_yaml` reads back."""
    text = yaml.dump([value], Dumper=_Dumper, default_flow_style=True, sort_keys=False, allow_unicode=True, width=1e9)
    return text.strip()[1:-1]
