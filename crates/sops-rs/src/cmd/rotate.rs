//! `rotate`: a new data key, and perhaps other recipients
//! (sops-encrypt-and-edit §6).

use sops_core::{
    keys::{KeyKind, Recipient},
    shown::{printable, shorten},
};

use crate::{
    Error, Result,
    args::{Flag, Given, flag},
    changed::Changed,
    creation, exit,
    input::Input,
    session::{Session, shown},
    target::Target,
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let Some(file) = session.one_file(given) else {
        return Err(Error::new("no file specified")
            .advise("see `sops-rs rotate --help`")
            .with_exit_code(exit::NO_FILE)
            .of_kind("usage"));
    };
    let target = Target::given(given, Some(&file))?;
    let input = Input::given(given, Some(file))?;
    let bytes = rotated(session, given, &input).map_err(|error| error.about(input.path()))?;
    target.write(session, &bytes)?;
    input.warn_of_format(session, &target);
    Ok(())
}

/// The file with a new data key.
pub(crate) fn rotated(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
) -> Result<Vec<u8>> {
    let asked = flag::CHANGES.iter().any(|flag| given.text(flag).is_some());
    if let Some(file) = &input.file
        && !session.process.resolve(file).exists()
        && (asked || session.options.old_style)
    {
        let code = if asked {
            exit::NO_FILE_FOR_KEYS
        } else {
            exit::NO_FILE
        };
        return Err(Error::new(format!(
            "cannot {} non-existent file {}",
            if asked {
                "add or remove keys on"
            } else {
                "operate on"
            },
            shown(file)
        ))
        .advise("name a file that is there; `sops-rs edit` makes a new one")
        .with_exit_code(code)
        .of_kind("read"));
    }
    let add = creation::with_aws(given, changes(given, &ADD)?)?;
    let remove = creation::with_aws(given, changes(given, &REMOVE)?)?;
    let mut changed = Changed::open(session, given, input)?;
    for recipient in add {
        changed
            .document
            .add_recipient(0, recipient)
            .map_err(|error| input.error(session, error))?;
    }
    for recipient in &remove {
        // As with sops no error; but who was to be locked out may still be in.
        if changed.document.remove_recipient(recipient) == 0 {
            session.warn(&format!(
                "nothing was removed for {} {}: it is not among the file's recipients",
                recipient.kind().title(),
                shorten(&printable(&recipient.to_string()))
            ));
        }
    }
    changed
        .document
        .rotate()
        .map_err(|error| input.error(session, error))?;
    changed.finish(session, input)
}

static ADD: [(&Flag, KeyKind); 7] = [
    (&flag::ADD_KMS, KeyKind::AwsKms),
    (&flag::ADD_PGP, KeyKind::Pgp),
    (&flag::ADD_GCP_KMS, KeyKind::GcpKms),
    (&flag::ADD_HCKMS, KeyKind::HuaweiKms),
    (&flag::ADD_AZURE_KV, KeyKind::AzureKeyVault),
    (&flag::ADD_HC_VAULT, KeyKind::Vault),
    (&flag::ADD_AGE, KeyKind::Age),
];

static REMOVE: [(&Flag, KeyKind); 7] = [
    (&flag::RM_KMS, KeyKind::AwsKms),
    (&flag::RM_PGP, KeyKind::Pgp),
    (&flag::RM_GCP_KMS, KeyKind::GcpKms),
    (&flag::RM_HCKMS, KeyKind::HuaweiKms),
    (&flag::RM_AZURE_KV, KeyKind::AzureKeyVault),
    (&flag::RM_HC_VAULT, KeyKind::Vault),
    (&flag::RM_AGE, KeyKind::Age),
];

fn changes(given: &Given, flags: &[(&Flag, KeyKind)]) -> Result<Vec<Recipient>> {
    let mut recipients = Vec::new();
    for (flag, kind) in flags {
        recipients.extend(creation::list(given, flag, *kind)?);
    }
    Ok(recipients)
}
