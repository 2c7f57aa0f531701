use super::*;

fn program() -> Program {
    let option = |names: &[&str], value: Option<&str>, help: &str| Opt {
        names: names.iter().map(|name| (*name).into()).collect(),
        value: value.map(Into::into),
        help: help.into(),
        variable: None,
    };
    let command = |name: &str, options: Vec<Opt>, commands: Vec<Command>| Command {
        name: name.into(),
        arguments: "[FILE]".into(),
        summary: format!("It's \"{name}\": all of it"),
        options,
        commands,
    };
    Program {
        names: &["a-toy", "toy"],
        root: command(
            "a-toy",
            vec![Opt {
                variable: Some("TOY_CONFIG".into()),
                ..option(&["config"], Some("FILE"), ".a 'file' with \\ in it")
            }],
            vec![
                command(
                    "show",
                    vec![option(&["in-place", "i"], None, "x[y]")],
                    vec![],
                ),
                command(
                    "group",
                    vec![],
                    vec![command(
                        "add",
                        vec![option(&["age"], Some("KEY"), "A key")],
                        vec![],
                    )],
                ),
            ],
        ),
        synopsis: &["COMMAND [OPTIONS]", "FILE"],
        description: "It plays.\n  .so it does",
    }
}

#[test]
fn what_may_follow() {
    let of = |typed: &[&str], explained| {
        let typed: Vec<OsString> = typed.iter().map(OsString::from).collect();
        program().candidates(&typed, explained)
    };
    assert_eq!(of(&[], false), "show\ngroup\n");
    assert_eq!(of(&["group"], false), "add\n");
    assert_eq!(of(&["group", "add", "--"], false), "--age\n");
    assert_eq!(of(&["show", "--in"], false), "--in-place\n");
    assert_eq!(of(&["show", "file"], false), "");
    assert_eq!(of(&["--c"], false), "--config\n");
    assert_eq!(of(&["group"], true), "add:It's \"add\"\\: all of it\n");
}

#[test]
fn scripts_and_page() {
    let program = program();
    insta::assert_snapshot!("bash", program.script(Shell::Bash));
    insta::assert_snapshot!("zsh", program.script(Shell::Zsh));
    insta::assert_snapshot!("fish", program.script(Shell::Fish));
    insta::assert_snapshot!("man", program.man());
}
