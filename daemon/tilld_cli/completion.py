"""Completions for bash and zsh, made from the table of commands."""

from __future__ import annotations

from tilld_cli import command_table as table

_BASH = """\
# bash completion for till: source <(till --completion bash)
_till() {{
    local here=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command= word
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $word in
            {commands}) command=$word; break ;;
        esac
    done
    case $before in
        {files}) COMPREPLY=($(compgen -f -- "$here")); return ;;
        --completion) COMPREPLY=($(compgen -W "{shells}" -- "$here")); return ;;
        {values}) COMPREPLY=(); return ;;
    esac
    case $command in
{cases}
        *) COMPREPLY=($(compgen -W "{top}" -- "$here")) ;;
    esac
}}
complete -F _till till
"""

_ZSH = """\
#compdef till
# zsh completion for till: source <(till --completion zsh)
_till() {{
    local -a commands
    commands=(
{commands}
    )
    _arguments -C \\
{options}
        '1: :->command' '*:: :->words'
    case $state in
        command) _describe 'command' commands ;;
        words)
            case $words[1] in
{cases}
            esac ;;
    esac
}}
compdef _till till
"""


def script(shell: str) -> str:
    """The completion for that shell."""
    return _bash() if shell == "bash" else _zsh()


def _bash() -> str:
    every = [*table.OPTIONS, *(one for command in table.COMMANDS for one in command.arguments)]
    names = [command.name for command in table.COMMANDS]
    values = {one.name for one in every if one.kind in (table.TEXT, table.NUMBER)}
    cases = [
        f'        {command.name}) COMPREPLY=($(compgen -W "{_options(command)}" -- "$here")) ;;'
        for command in table.COMMANDS
    ]
    return _BASH.format(
        commands="|".join(names),
        files="|".join(one.name for one in table.OPTIONS if one.kind == table.FILE),
        shells=" ".join(table.SHELLS),
        values="|".join(sorted(values)),
        cases="\n".join(cases),
        top=" ".join([*names, *(one.name for one in table.OPTIONS), "--help"]),
    )


def _options(command: table.Command) -> str:
    return " ".join([*(one.name for one in command.arguments if one.name[0] == "-"), "--help"])


def _zsh() -> str:
    commands = [f"        '{one.name}:{_quoted(one.about)}'" for one in table.COMMANDS]
    cases = []
    for command in table.COMMANDS:
        options = [_zsh_option(one) for one in command.arguments if one.name[0] == "-"]
        cases.append(f"                {command.name}) _arguments {' '.join(options)} ;;")
    options = [f"        {_zsh_option(one)} \\" for one in table.OPTIONS]
    return _ZSH.format(
        commands="\n".join(commands), options="\n".join(options), cases="\n".join(cases)
    )


def _zsh_option(one: table.Argument) -> str:
    value = {
        table.FLAG: "",
        table.FILE: ":file:_files",
        table.SHELL: f":shell:({' '.join(table.SHELLS)})",
    }.get(one.kind, f":{one.shown.lower()}:")
    return f"'{one.name}[{_quoted(one.about)}]{value}'"


def _quoted(text: str) -> str:
    """For single quotes and zsh's own signs."""
    return text.replace("'", "'\\''").replace(":", "\\:").replace("[", "(").replace("]", ")")
