"""Completion for zsh: a function for its completion system, in a folder of $fpath or sourced."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.cli.about.described import first_sentence
from gradcli.cli.about.shells import Completed, completed, flags, quoted, values

_HEAD = """\
#compdef gradcli
# Completion of gradcli for zsh: a file _gradcli in a folder of $fpath, or to be sourced.

_gradcli() {
    local command=gradcli flags operands word waiting= ended=
    local -a options kinds
    integer index position=1
    (( CURRENT > 2 )) && command=${(Q)words[2]}
    case $command in
"""
_TAIL = """\
        *) return 1 ;;
    esac
    for ((index = 3; index < CURRENT; index++)); do
        word=${(Q)words[index]}
        if [[ -n $waiting ]]; then waiting=
        elif [[ -n $ended ]]; then (( position += 1 ))
        elif [[ $word == -- ]]; then ended=1
        elif [[ " $flags " == *" $word "* || $word == --*=* ]]; then :
        elif [[ $word == --* || -n ${options[(r)${(b)word}:*]} ]]; then waiting=$word
        else (( position += 1 )); fi
    done
    if [[ -n $waiting ]]; then _gradcli_value $command $waiting
    elif [[ -z $ended && $PREFIX == --*=* ]]; then
        word=${PREFIX%%=*}
        compset -P 1 '*='
        _gradcli_value $command $word
    elif [[ -z $ended && $PREFIX == -* ]]; then _describe -o option options
    else
        kinds=(${=operands})
        [[ ${kinds[-1]} == files && position -gt ${#kinds} ]] && position=${#kinds}
        case ${kinds[position]} in
            file | files) _files ;;
            program) compset -P 1 '@' && _files ;;
            commands) _gradcli_commands ;;
            "" | other) return 1 ;;
            *) compadd -- ${(s:,:)kinds[position]} ;;
        esac
    fi
}

# What may be the value of an option, or of an input.
_gradcli_value() {
    local values=
    case $1:$2 in
"""
_END = """\
    esac
    case $values in
        file) _files ;;
        "") compset -P 1 '@' && _files ;;
        *) compadd -- ${=values} ;;
    esac
}

_gradcli_commands() {
    local -a commands=(
"""
_LAST = """\
    )
    _describe command commands
}

if [[ $funcstack[1] == _gradcli ]]; then _gradcli "$@"; else compdef _gradcli gradcli; fi
"""


def script() -> Iterator[str]:
    """The whole script."""
    root, *others = completed()
    yield _HEAD
    for one in (root._replace(operands=("commands",)), *others):
        yield from _command(one)
    yield _TAIL
    for one in (root, *others):
        for option in one.options:
            if found := values(option):
                places = " | ".join(f"{one.name}:{name}" for name in option.names)
                yield f"        {places}) values={quoted(found)} ;;\n"
    yield _END
    yield from (f"        {_told(one.name, one.summary)}\n" for one in others)
    yield _LAST


def _told(word: str, text: str) -> str:
    """A word and what is told of it, for _describe."""
    return quoted(word.replace(":", "\\:") + ":" + text.replace("\\", "\\\\").replace(":", "\\:"))


def _command(one: Completed) -> Iterator[str]:
    yield f"        {one.name})\n            options=(\n"
    for option in one.options:
        for name in option.names:
            yield f"                {_told(name, first_sentence(option.help))}\n"
    yield "            )\n"
    yield f"            flags={quoted(' '.join(flags(one.options)))}\n"
    yield f"            operands={quoted(' '.join(operand.replace(' ', ',') for operand in one.operands))} ;;\n"
