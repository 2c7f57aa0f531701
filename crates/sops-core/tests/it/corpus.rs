//! The corpus of what sops printed is the judge of decryption.

use crate::support::{Case, show, written};
use sops_core::{Document, Format, Plain, WarningKind};

/// Cases where sops's own bytes lose data: its emitter writes `null` for a text
/// of several lines that starts with a tab, and a wrong indentation digit under
/// lists. Ours must read back to `as.json`, and differ where sops's do not.
const SOPS_LOSES_DATA: [&str; 6] = [
    "yaml/random-028",
    "yaml/random-045",
    "yaml/random-074",
    "yaml/random-106",
    "yaml/random-111",
    "yaml/scalar-dq-escapes",
];

#[derive(PartialEq)]
enum Verdict {
    Equal,
    Refused,
    Exception,
}

/// `plain` byte for byte, `as.json` likewise, what sops refuses refused.
#[test]
fn every_case_is_decrypted_as_by_sops() {
    let (mut equal, mut refused, mut exceptions) = (0, 0, 0);
    let mut wrong = Vec::new();
    for case in Format::ALL.into_iter().flat_map(Case::all) {
        match judge(&case) {
            Ok(Verdict::Equal) => equal += 1,
            Ok(Verdict::Refused) => refused += 1,
            Ok(Verdict::Exception) => exceptions += 1,
            Err(why) => wrong.push(format!("{}: {why}", case.name)),
        }
    }
    println!(
        "{} cases: {equal} equal, {refused} refused as by sops, {exceptions} listed exceptions, \
         {} unexplained",
        equal + refused + exceptions + wrong.len(),
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(
        (equal, refused, exceptions),
        (461, 5, SOPS_LOSES_DATA.len())
    );
}

fn judge(case: &Case) -> Result<Verdict, String> {
    let decrypted = case.decrypt();
    if case.text("fail").is_some() {
        return match decrypted {
            Ok(_) => Err("sops refuses this, we do not".into()),
            Err(_) => Ok(Verdict::Refused),
        };
    }
    let document = decrypted.map_err(|e| format!("{e:?}"))?;
    let odd = |kind| {
        use WarningKind::{EmptyValue, RepeatedKey};
        !matches!(kind, EmptyValue | RepeatedKey { covered: true })
    };
    if document
        .warnings()
        .iter()
        .any(|warning| odd(warning.kind()))
    {
        return Err(format!("{:?}", document.warnings()));
    }
    let as_json = case.text("as.json");
    if let Some(expected) = &as_json {
        let json = written(&document, Format::Json)?;
        if json != *expected {
            return Err(format!("as JSON\n{json}\nnot\n{expected}"));
        }
    }
    let expected = show(&case.file("plain").ok_or("no plain file")?);
    let plain = written(&document, case.format)?;
    if SOPS_LOSES_DATA.contains(&case.name.as_str()) {
        let as_json = as_json.ok_or("no as.json")?;
        if reads_back_as(&plain, case.format).as_ref() != Ok(&as_json) {
            return Err(format!("does not read back to as.json:\n{plain}"));
        }
        if reads_back_as(&expected, case.format).as_ref() == Ok(&as_json) {
            return Err("is an exception, but the bytes of sops read back".into());
        }
        return Ok(Verdict::Exception);
    }
    if plain != expected {
        return Err(format!("printed\n{plain}\nnot\n{expected}"));
    }
    Ok(Verdict::Equal)
}

/// A plain file, read and converted to JSON.
fn reads_back_as(plain: &str, format: Format) -> Result<String, String> {
    let document = Document::<Plain>::parse_plain(plain.as_bytes(), format);
    written(&document.map_err(|e| format!("{e:?}"))?, Format::Json)
}
