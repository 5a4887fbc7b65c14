"""Whatever is in the inputs of a GitLab component stays data.

    gitlab_inputs.py TEMPLATE

Does with the file what GitLab does when a pipeline is created: checks each input against its pattern and options, and
pastes the values in as text, before anything is read as YAML. Every hostile value, in every input, has either to be
refused or to arrive in its place, unchanged, with everything else as it was. Then templates that are known to be bad
have to be found out, so that this can fail.
"""

import json
import re
import sys

import yaml

HOSTILE = [
    "x'\n  script: [touch pwned]\n  y: '",
    "x\n  script:\n    - touch pwned",
    "x\n---\nevil:\n  script: touch pwned",
    "x\r\nevil: { script: touch pwned }",
    "x\rscript: touch pwned",
    "x\u2028script: touch pwned",
    "x\u2029  script: touch pwned",
    "x\u0085script: touch pwned",
    "x\x00y",
    "x\ty",
    '"; touch pwned; "',
    "'; touch pwned; '",
    "$(touch pwned)",
    "`touch pwned`",
    "${IFS}touch${IFS}pwned",
    "a & b | c > pwned",
    "a: b",
    "a: [b, {c: d}]",
    "# no comment",
    "x # no comment",
    "*alias",
    "&anchor x",
    "!reference [.secret, script]",
    "{evil: x}",
    "[evil]",
    "- evil",
    "? evil",
    "| evil",
    "> evil",
    "%YAML 1.2",
    "---",
    "...",
    "@x",
    "true",
    "null",
    "~",
    "0x10",
    "1e3",
    " leading and trailing ",
    "        far in",
    "\\n\\u000a\\",
    "a\\tb",
    '"quoted"',
    "'quoted'",
    "it''s",
    '"',
    "'",
    "$[[ inputs.role-to-assume ]]",
    "]]",
]

USUAL = {"tags": "shop/api:1"}


class Refused(Exception):
    """GitLab makes no pipeline of this."""


def read(path):
    """The inputs that a template declares, and its text."""
    with open(path, encoding="utf-8") as file:
        header, text = re.split(r"^---\n", file.read(), maxsplit=1, flags=re.MULTILINE)
    return yaml.safe_load(header)["spec"]["inputs"], text


def checked(name, rules, given):
    """The value of an input, as text."""
    if name in given:
        value = given[name]
    elif "default" in rules:
        value = rules["default"]
    else:
        raise Refused(f"{name} is required")
    kind = rules.get("type", "string")
    if kind == "boolean":
        if not isinstance(value, bool):
            raise Refused(f"{name} is no boolean")
        return json.dumps(value)
    if not isinstance(value, str):
        raise Refused(f"{name} is no string")
    if "options" in rules and value not in rules["options"]:
        raise Refused(f"{name} is none of its options")
    # GitLab's engine is RE2, where `$` is the very end; in Python it may have a line break after it.
    if "regex" in rules and not re.search(rules["regex"].replace("$", r"\Z"), value):
        raise Refused(f"{name} does not match its pattern")
    return value


def pipeline(template, given):
    """The configuration that a pipeline is made of."""
    inputs, text = template
    values = {name: checked(name, rules or {}, given) for name, rules in inputs.items()}
    pasted = re.sub(r"\$\[\[\s*inputs\.([\w-]+)\s*\]\]", lambda found: values[found[1]], text)
    try:
        return yaml.safe_load(pasted)
    except yaml.YAMLError as error:
        raise Refused(f"this is not YAML: {error}") from None


def leaves(node, path=()):
    """Everything in a document, one entry for each place; names of members are places too."""
    if isinstance(node, dict):
        found = {(*path, "members"): tuple(sorted(node))}
        for name, value in node.items():
            found |= leaves(value, (*path, name))
        return found
    if isinstance(node, list):
        found = {(*path, "length"): len(node)}
        for index, value in enumerate(node):
            found |= leaves(value, (*path, index))
        return found
    return {path: node}


def injections(template):
    """What is wrong, and how many values were refused and taken."""
    inputs, _ = template
    wrong, refused, taken = [], 0, 0
    marker = "marker0"
    for name, rules in inputs.items():
        rules = rules or {}
        fixed = "options" in rules or rules.get("type") == "boolean"
        usual = leaves(pipeline(template, USUAL if fixed else USUAL | {name: marker}))
        for hostile in HOSTILE:
            try:
                found = leaves(pipeline(template, USUAL | {name: hostile}))
            except Refused:
                refused += 1
                continue
            taken += 1
            replace = lambda part: hostile if part == marker else part
            expected = {
                tuple(map(replace, path)): tuple(map(replace, value)) if isinstance(value, tuple) else replace(value)
                for path, value in usual.items()
            }
            if found != expected:
                wrong.append(f"{name}: {hostile!r}")
    return wrong, refused, taken


def main():
    inputs, text = template = read(sys.argv[1])
    used = set(re.findall(r"inputs\.([\w-]+)", text))
    assert used == set(inputs), f"declared and not used, or the other way round: {used ^ set(inputs)}"
    for name, rules in inputs.items():
        if (rules or {}).keys().isdisjoint({"options", "type"}):
            (job,) = pipeline(template, USUAL | {name: "marker0"}).values()
            for part in ("before_script", "script", "after_script"):
                assert "marker0" not in json.dumps(job.get(part)), f"{name} stands in a script"
    wrong, refused, taken = injections(template)
    print(f"{refused} hostile values were refused, {taken} stayed data")
    assert not wrong, "\n".join(wrong)
    assert refused > 50 and taken > 200, "the patterns take nothing, or everything"

    block = "CONSIGN_TAG: |2-\n      $[[ inputs.tags ]]"
    assert block in text
    quoted = [f"CONSIGN_TAG: {quote}$[[ inputs.tags ]]{quote}" for quote in ("'", '"', "")]
    for bad in quoted:
        assert injections((inputs, text.replace(block, bad)))[0], f"nothing was found in `{bad}`"
    open_pattern = {name: {k: v for k, v in (rules or {}).items() if k != "regex"} for name, rules in inputs.items()}
    assert injections((open_pattern, text))[0], "nothing was found without the patterns"


main()
