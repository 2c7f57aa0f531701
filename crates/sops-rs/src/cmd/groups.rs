//! `groups add` and `groups delete` (sops-encrypt-and-edit §10).

use std::path::PathBuf;

use sops_core::{
    Document, Rekeying,
    keys::{KeyKind, Recipient},
};

use crate::{
    Error, Keys, Opening, Result,
    args::{Flag, Given, flag},
    changed, creation, exit,
    input::Input,
    session::Session,
    target::Target,
};

pub(crate) fn add(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    if !given.positionals.is_empty() {
        return Err(usage("no positional arguments allowed", "groups add"));
    }
    let group = recipients(given)?;
    if group.is_empty() {
        return Err(
            Error::new("a key group without recipients could never be opened")
                .advise("name at least one, as in --age age1…")
                .of_kind("usage"),
        );
    }
    change(session, given, |groups| {
        groups.push(group);
        Ok(())
    })
}

pub(crate) fn delete(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let [index] = given.positionals.as_slice() else {
        return Err(usage(
            "exactly one positional argument (index) required",
            "groups delete",
        ));
    };
    let index: usize = index
        .to_str()
        .and_then(|index| index.parse().ok())
        .ok_or_else(|| usage("the index is not a number", "groups delete"))?;
    change(session, given, |groups| {
        if index >= groups.len() {
            return Err(Error::new(format!(
                "there is no key group {index}: the file has {}, counted from 0",
                groups.len()
            ))
            .advise("name a group that is there"));
        }
        if groups.len() == 1 {
            return Err(
                Error::new("without its last key group nobody could open the file")
                    .advise("add another group first"),
            );
        }
        groups.remove(index);
        Ok(())
    })
}

fn change(
    session: &mut Session<'_, '_>,
    given: &Given,
    work: impl FnOnce(&mut Vec<Vec<Recipient>>) -> Result<()>,
) -> Result<()> {
    let file = given
        .text(&flag::FILE)
        .map(PathBuf::from)
        .ok_or_else(|| usage("no file specified", "groups").with_exit_code(exit::READ))?;
    let target = Target::of(given.switch(&flag::IN_PLACE), None, Some(&file))?;
    let input = Input::new(Some(file), None, None, None);
    let bytes =
        regrouped(session, given, &input, work).map_err(|error| error.about(input.path()))?;
    target.write(session, &bytes)
}

fn regrouped(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
    work: impl FnOnce(&mut Vec<Vec<Recipient>>) -> Result<()>,
) -> Result<Vec<u8>> {
    let finish = changed::finish(session, input)?;
    let bytes = input.read(session).map_err(changed::missing)?;
    let document = input.parse(session, &bytes)?;
    let keys: Keys = session.keys(&Opening::of(given)?)?;
    let mut document: Document<Rekeying> = document.rekey(&keys.keyring).map_err(|error| {
        input
            .opening_error(session, keys.note.as_ref(), error)
            .with_exit_code(exit::GENERIC)
    })?;
    let groups = document.key_groups();
    let mut groups: Vec<Vec<Recipient>> = groups
        .into_iter()
        .map(|group| group.into_iter().cloned().collect())
        .collect();
    work(&mut groups)?;
    let count = groups.len();
    let asked = given.number(&flag::THRESHOLD).filter(|number| *number != 0);
    let threshold = match asked {
        Some(number) => usize::try_from(number).unwrap_or(0),
        None => document.shamir_threshold(),
    };
    if threshold > count || (asked.is_some() && count > 1 && threshold < 2) {
        return Err(Error::new(format!(
            "a Shamir threshold of {threshold} cannot be satisfied with {count} key groups"
        ))
        .advise("give --shamir-secret-sharing-threshold a number from 2 to the number of groups"));
    }
    document.set_key_groups(groups);
    document.set_shamir_threshold(if count == 1 { 0 } else { threshold });
    document.renew_recipients();
    document
        .wrap(&keys.keyring)
        .and_then(|()| document.finish(&finish))
        .map_err(|error| input.error(session, error).with_exit_code(exit::GENERIC))
}

fn recipients(given: &Given) -> Result<Vec<Recipient>> {
    let fields: [(&Flag, KeyKind); 7] = [
        (&flag::GROUP_PGP, KeyKind::Pgp),
        (&flag::GROUP_KMS, KeyKind::AwsKms),
        (&flag::GROUP_GCP_KMS, KeyKind::GcpKms),
        (&flag::GROUP_HCKMS, KeyKind::HuaweiKms),
        (&flag::GROUP_AZURE_KV, KeyKind::AzureKeyVault),
        (&flag::GROUP_HC_VAULT, KeyKind::Vault),
        (&flag::GROUP_AGE, KeyKind::Age),
    ];
    let mut recipients = Vec::new();
    for (flag, kind) in fields {
        for text in given.strs(flag)? {
            recipients.extend(creation::parse(flag, kind, text.split(','))?);
        }
    }
    creation::with_aws(given, recipients)
}

fn usage(message: &str, command: &str) -> Error {
    Error::new(message)
        .advise(format!("see `sops-rs {command} --help`"))
        .of_kind("usage")
}
