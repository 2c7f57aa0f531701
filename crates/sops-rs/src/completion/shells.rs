//! One script for each shell. All walk the same way: the words that were typed
//! lead to a command, whose options and commands are offered; where there are
//! none, and behind an option that takes a value, files are.

use std::fmt::Write;

use super::{Command, Program};

/// The name of a function of a shell.
fn function(program: &Program) -> String {
    format!("_{}", program.name().replace('-', "_"))
}

fn words<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<String> = words.into_iter().map(|it| it.as_ref().to_owned()).collect();
    words.join(" ")
}

fn long(command: &Command) -> String {
    words(command.options.iter().flat_map(|option| option.long()))
}

/// Options that take what follows them.
fn taking(command: &Command) -> String {
    let options = command.options.iter();
    let taking = options.filter(|option| option.value.is_some());
    words(taking.flat_map(|option| option.forms()))
}

/// The ways to all commands, as a pattern of `case`.
fn routes(program: &Program, between: &str) -> String {
    let routes = program.routes();
    let routes: Vec<_> = routes
        .iter()
        .skip(1)
        .map(|(route, _)| route.as_str())
        .collect();
    routes.join(between)
}

pub(super) fn bash(program: &Program) -> String {
    let function = function(program);
    let mut cases = String::new();
    for (route, command) in program.routes() {
        let _ = writeln!(
            cases,
            "        {route}) commands=\"{}\" options=\"{}\" taking=\"{}\" ;;",
            words(command.commands.iter().map(|it| &it.name)),
            long(command),
            taking(command),
        );
    }
    format!(
        r#"{function}() {{
    local current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    local route=: word commands="" options="" taking=""
    for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case "$route$word:" in
            {}) route="$route$word:" ;;
        esac
    done
    case "$route" in
{cases}    esac
    COMPREPLY=()
    case " $taking " in *" $before "*) return ;; esac
    case "$current" in
        -*) COMPREPLY=($(compgen -W "$options" -- "$current")) ;;
        *) COMPREPLY=($(compgen -W "$commands" -- "$current")) ;;
    esac
}}
complete -o bashdefault -o default -F {function} {}
"#,
        routes(program, "|"),
        words(program.names),
    )
}

pub(super) fn zsh(program: &Program) -> String {
    // Within single quotes; the first colon stands in front of the explanation.
    let described = |name: &str, what: &str| {
        let text = format!("{name}:{what}").replace('\'', "'\\''");
        format!("'{text}'")
    };
    let function = function(program);
    let mut cases = String::new();
    for (route, command) in program.routes() {
        let commands = command.commands.iter();
        let commands = words(commands.map(|it| described(&it.name, &it.summary)));
        let options = command.options.iter().flat_map(|option| {
            let names: Vec<_> = option.long().collect();
            let named = names.into_iter();
            named
                .map(|name| described(&name, &option.help))
                .collect::<Vec<_>>()
        });
        let _ = writeln!(
            cases,
            "        {route})\n            commands=({commands})\n            options=({})\n            taking=({}) ;;",
            words(options),
            taking(command),
        );
    }
    let names = words(program.names);
    format!(
        r#"#compdef {names}
{function}() {{
    local route=: word
    local -a commands options taking
    for word in "${{(@)words[2,CURRENT-1]}}"; do
        case "$route$word:" in
            {}) route="$route$word:" ;;
        esac
    done
    case "$route" in
{cases}    esac
    if (( ${{taking[(Ie)${{words[CURRENT-1]}}]}} )); then
        _files
    elif [[ "${{words[CURRENT]}}" == -* ]]; then
        _describe -o option options
    else
        (( $#commands )) && _describe command commands
        _files
    fi
}}
if (( ${{+compstate}} )); then
    {function} "$@"
else
    compdef {function} {names}
fi
"#,
        routes(program, "|"),
    )
}

pub(super) fn fish(program: &Program) -> String {
    let quoted = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let function = format!("_{}_at", function(program));
    let mut script = format!(
        r#"function {function}
    set -l route :
    for word in (commandline -opc)[2..]
        switch "$route$word:"
            case {}
                set route "$route$word:"
        end
    end
    test "$route" = "$argv[1]"
end
"#,
        routes(program, " "),
    );
    for program_name in program.names {
        for (route, command) in program.routes() {
            let start = format!("complete -c {program_name} -n '{function} {route}'");
            for below in &command.commands {
                let summary = quoted(&below.summary);
                let _ = writeln!(script, "{start} -a {} -d '{summary}'", below.name);
            }
            for option in &command.options {
                let mut line = start.clone();
                for name in &option.names {
                    let kind = if name.len() == 1 { 's' } else { 'l' };
                    let _ = write!(line, " -{kind} {name}");
                }
                let value = if option.value.is_some() { " -r" } else { "" };
                let _ = writeln!(script, "{line}{value} -d '{}'", quoted(&option.help));
            }
        }
    }
    script
}
