"""Completion for fish: a file gradcli.fish in its folder of completions, or sourced."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.cli.about.described import Option, first_sentence
from gradcli.cli.about.shells import FILE, FILES, OTHER, PROGRAM, Completed, completed, flags, values

_HEAD = """\
# Completion of gradcli for fish.

# Whether COMMAND is the command, and its operand number NUMBER, or a later one if MORE is 1, is due.
function __gradcli_due --argument-names command number more
    set -l words (commandline -opc)
    test "$words[2]" = $command; or return 1
    set -l count 1
    set -l waiting 0
    set -l ended 0
    for word in $words[3..-1]
        if test $waiting = 1
            set waiting 0
        else if test $ended = 0; and test "$word" = --
            set ended 1
        else if test $ended = 0; and string match -qr -- '^--.*=' $word
            continue
        else if test $ended = 0; and string match -qr -- '^(--.+|-[a-zA-Z])$' $word
            contains -- $word $argv[4..-1]; or set waiting 1
        else
            set count (math $count + 1)
        end
    end
    test $waiting = 0; or return 1
    test $count -eq $number; or begin
        test $more = 1; and test $count -gt $number
    end
end

# The first words of a command line are gradcli COMMAND.
function __gradcli_command --argument-names command
    set -l words (commandline -opc)
    test "$words[2]" = $command
end

# The names of files, as the values of @.
function __gradcli_files
    set -l word (commandline -ct)
    for path in (__fish_complete_path (string sub -s 2 -- $word))
        echo @$path
    end
end

complete -c gradcli -f
complete -c gradcli -n 'string match -q "@*" -- (commandline -ct)' -a '(__gradcli_files)'
"""


def script() -> Iterator[str]:
    """The whole script."""
    root, *others = completed()
    yield _HEAD
    first = "test (count (commandline -opc)) -eq 1"
    for one in others:
        yield f"complete -c gradcli -n {_quoted(first)} -a {one.name} -d {_quoted(one.summary)}\n"
    yield from (_option(first, option) for option in root.options)
    for one in others:
        yield f"\n# {one.name}\n"
        yield from (_option(f"__gradcli_command {one.name}", option) for option in one.options)
        yield from _operands(one)


def _option(condition: str, option: Option) -> str:
    parts = [f"complete -c gradcli -n {_quoted(condition)}"]
    for name in option.names:
        parts.append(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}")
    if option.metavar:
        found = values(option)
        parts.append("-r -F" if found == FILE else f"-x -a {_quoted(found)}" if found else "-x")
    return " ".join([*parts, f"-d {_quoted(first_sentence(option.help))}"]) + "\n"


def _operands(one: Completed) -> Iterator[str]:
    for number, operand in enumerate(one.operands, 1):
        if operand not in (PROGRAM, OTHER):
            more = int(operand == FILES)
            due = f"__gradcli_due {one.name} {number} {more} {' '.join(flags(one.options))}"
            offered = "-F" if operand in (FILE, FILES) else f"-a {_quoted(operand)}"
            yield f"complete -c gradcli -n {_quoted(due)} {offered}\n"


def _quoted(text: str) -> str:
    """A word for fish, in single quotes."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
