//! What is said of each place and of each flaw, and what a person can do.

use super::{super::source::Source, *};
use crate::keys::{Location, PathHint};

fn location(variable: Option<&'static str>, path: &str) -> Location {
    Location::File {
        variable: variable.map(Into::into),
        path: path.into(),
    }
}

/// The line of a place in which this was found, and the advice.
fn said(location: Location, found: Found) -> String {
    let mut ring = Keyring::new();
    // So that variables are known to be looked at.
    let unset = Location::Variable {
        variable: "SOPS_AGE_KEY".into(),
    };
    let age = ring.service::<Age>();
    age.add(Source::nothing(unset, Found::NotSet));
    age.add(Source::nothing(location, found));
    let error = ring.open(&file(&[B])).unwrap_err();
    let place = ring.places().pop().unwrap();
    format!("{place}\n  {}\n", error.advice().unwrap())
}

#[test]
fn every_flaw() {
    let flaws = [
        Flaw::PublicKey,
        Flaw::Utf16,
        Flaw::ByteOrderMark,
        Flaw::NotText,
        Flaw::Quoted,
        Flaw::Surrounded,
        Flaw::LowerCase,
        Flaw::Base64,
        Flaw::Damaged,
        Flaw::Plugin,
        Flaw::SshKey,
        Flaw::AgeIdentity,
        Flaw::PgpKey,
        Flaw::NotSsh,
        Flaw::SshDamaged,
        Flaw::SshKind,
        Flaw::SshForm,
        Flaw::Unknown,
        Flaw::LongLine,
        Flaw::TooMany,
        Flaw::NotPassphrase,
        Flaw::AgeFile,
        Flaw::TooLarge,
    ];
    let said = flaws.map(|flaw| {
        let place = location(Some("SOPS_AGE_KEY_FILE"), "/keys.txt");
        said(
            place,
            Found::Bad {
                line: Some(2),
                flaw,
            },
        )
    });
    insta::assert_snapshot!(said.concat());
}

#[test]
fn every_place() {
    let command = |program: Option<&str>| Location::Command {
        variable: "SOPS_AGE_KEY_CMD".into(),
        program: program.map(Into::into),
    };
    let key_file = |path: &str| location(Some("SOPS_AGE_KEY_FILE"), path);
    let variable = || Location::Variable {
        variable: "SOPS_AGE_KEY".into(),
    };
    let folder = || Location::Directory {
        path: "/keys".into(),
    };
    let hint = |hint| Found::NotFound { hint };
    let said = [
        said(Location::Given, Found::Empty),
        said(
            Location::Given,
            Found::Bad {
                line: Some(1),
                flaw: Flaw::Damaged,
            },
        ),
        said(variable(), Found::Empty),
        said(key_file(""), Found::Empty),
        said(key_file("/k"), Found::Empty),
        said(key_file("/k"), hint(None)),
        said(key_file("a,b"), hint(Some(PathHint::CommaList))),
        said(key_file("~/k"), hint(Some(PathHint::Tilde))),
        said(key_file("'/k'"), hint(Some(PathHint::Quoted))),
        said(key_file("<a private key>"), hint(Some(PathHint::Key))),
        said(
            location(Some("SOPS_AGE_SSH_PRIVATE_KEY_FILE"), "<a private key>"),
            hint(Some(PathHint::Key)),
        ),
        said(key_file("/k"), Found::Directory),
        said(key_file("/k"), Found::Locked),
        said(key_file("/k"), Found::NeedsPassphrase),
        said(key_file("/k"), Found::WrongPassphrase),
        said(key_file("/k"), Found::TooMuchWork),
        said(location(None, "~/keys.txt"), Found::NoHome),
        said(location(None, "x/keys.txt"), Found::RelativeConfig),
        said(folder(), hint(None)),
        said(folder(), Found::NoKeyFiles),
        said(command(Some("pass")), hint(None)),
        said(command(Some("KEY=…")), hint(None)),
        said(command(Some("<a private key>")), hint(None)),
        said(command(None), Found::Empty),
        said(command(None), Found::NotACommand),
        said(command(Some("pass")), Found::NotRun),
        said(command(Some("pass")), Found::NotAllowed),
        said(
            command(Some("pass")),
            Found::CommandFailed { code: Some(7) },
        ),
        said(command(Some("pass")), Found::CommandFailed { code: None }),
        said(
            Location::Other {
                name: "the moon".into(),
            },
            Found::Unusable {
                why: "too far".into(),
            },
        ),
        said(
            key_file("/k"),
            Found::Identities {
                count: 9,
                recipients: vec![A.into(); 9],
                plugins: 2,
            },
        ),
    ];
    insta::assert_snapshot!(said.concat());
}

/// A report on each wrapped key that is damaged in a way of its own.
#[test]
fn every_damage() {
    let mut ring = Keyring::new();
    let _ = ring.add_file(key_path("age-a.txt"));
    let said = damaged_entries().map(|(enc, _)| {
        let metadata = groups(vec![vec![age(A, enc)]], 0);
        let error = ring.open(&metadata).unwrap_err();
        let report = error.report().unwrap();
        format!(
            "{}\n  {}\n",
            report.groups()[0].recipients[0],
            error.advice().unwrap()
        )
    });
    insta::assert_snapshot!(said.concat());
}
