"""Completion for bash, of version 3.2 or later, without the package bash-completion."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.cli.about.shells import Completed, completed, flags, names, quoted, values

_HEAD = """\
# Completion of gradcli for bash: source this file.

_gradcli() {
    local word= quote= sign index command options flags operands
    local -a line=()
    COMPREPLY=()
    # The words as they are written: bash itself takes --format=json and @file apart.
    for ((index = 0; index < COMP_POINT; index++)); do
        sign=${COMP_LINE:index:1}
        if [[ -n $quote ]]; then
            word+=$sign
            [[ $sign = "$quote" ]] && quote=
        elif [[ $sign = [[:space:]] || $sign = [\\<\\>] ]]; then
            [[ -n $word ]] && line+=("$word")
            word=
            [[ $sign = [\\<\\>] ]] && line+=("$sign")
        else
            [[ $sign = [\\"\\'] ]] && quote=$sign
            [[ $sign = \\\\ ]] && index=$((index + 1)) sign+=${COMP_LINE:index:1}
            word+=$sign
        fi
    done
    [[ -n $quote ]] && word=${word#"$quote"}
    line+=("$word")
    command=gradcli
    [[ ${#line[@]} -gt 2 ]] && command=${line[1]}
    case $command in
"""
_TAIL = """\
        *) return ;;
    esac
    local current=$word before= cut=$2 waiting= position=0 ended=
    for ((index = 2; index < ${#line[@]} - 1; index++)); do
        word=${line[index]}
        if [[ -n $waiting ]]; then waiting=
        elif [[ $word = [\\<\\>] ]]; then waiting=$word
        elif [[ -n $ended ]]; then position=$((position + 1))
        elif [[ $word = -- ]]; then ended=1
        elif [[ " $flags " = *" $word "* || $word = --*=* ]]; then :
        elif [[ $word = --* || " $options " = *" $word "* ]]; then waiting=$word
        else position=$((position + 1)); fi
    done
    if [[ -n $waiting ]]; then _gradcli_value "$command" "$waiting"
    elif [[ -z $ended && $current = --*=* ]]; then
        before=${current%%=*}=
        _gradcli_value "$command" "${current%%=*}"
    elif [[ -z $ended && $current = -* ]]; then _gradcli_words "$options"
    else
        set -- $operands
        while [[ $position -gt 0 && $# -gt 0 && $1 != files ]]; do
            shift
            position=$((position - 1))
        done
        case $1 in
            file | files) _gradcli_files ;;
            program) [[ $current = @* ]] && before=@ && _gradcli_files ;;
            other) ;;
            *) _gradcli_words "${1//,/ }" ;;
        esac
    fi
}

# What may be the value of an option, or of an input.
_gradcli_value() {
    local values=
    case $1:$2 in
        *:[\\<\\>]) values=file ;;
"""
_END = """\
    esac
    case $values in
        file) _gradcli_files ;;
        "") [[ ${current#"$before"} = @* ]] && before=${before}@ && _gradcli_files ;;
        *) _gradcli_words "$values" ;;
    esac
}

# The replies replace $cut, which is all of the word or what stands after its last = or :.
_gradcli_reply() {
    local reply=$before$1
    COMPREPLY+=("${reply#"${current%"$cut"}"}")
}

_gradcli_words() {
    local reply
    for reply in $(compgen -W "$1" -- "${current#"$before"}"); do _gradcli_reply "$reply"; done
}

_gradcli_files() {
    local reply
    [[ $before = *@ ]] || compopt -o filenames 2>/dev/null
    while IFS= read -r reply; do
        if [[ $before = *@ ]]; then # no name of a file for bash, which would quote it and end a folder's with a slash
            [[ -d $reply ]] && reply=$reply/ && compopt -o nospace 2>/dev/null
            [[ -n $quote ]] || printf -v reply %q "$reply"
        fi
        _gradcli_reply "$reply"
    done < <(compgen -f -- "${current#"$before"}")
}

complete -F _gradcli gradcli
"""


def script() -> Iterator[str]:
    """The whole script."""
    described = completed()
    yield _HEAD
    for one in described:
        yield from _command(one)
    yield _TAIL
    for one in described:
        for option in one.options:
            if found := values(option):
                places = " | ".join(f"{one.name}:{name}" for name in option.names)
                yield f"        {places}) values={quoted(found)} ;;\n"
    yield _END


def _command(one: Completed) -> Iterator[str]:
    yield f"        {one.name})\n"
    yield f"            options={quoted(' '.join(names(one.options)))}\n"
    yield f"            flags={quoted(' '.join(flags(one.options)))}\n"
    yield f"            operands={quoted(' '.join(operand.replace(' ', ',') for operand in one.operands))} ;;\n"
