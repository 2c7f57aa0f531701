//! For whom and how a new file is encrypted: by options, and by the creation
//! rule that fits (sops-config §3 and §6).

use std::collections::BTreeMap;

use sops_core::{
    EncryptOptions, Format,
    config::CreationRule,
    keys::{KeyKind, Recipient},
    metadata::Rule,
};

use crate::{
    Error, Result,
    args::{Flag, Given, flag},
    config, exit,
    input::Input,
    session::Session,
    target::conflict,
};

/// The creation rule for a file; `None` where no configuration has rules.
pub(crate) fn rule(
    session: &Session<'_, '_>,
    found: &config::Found,
    input: &Input,
) -> Result<Option<CreationRule>> {
    let Some(named) = &input.named else {
        return Ok(None);
    };
    found.rule(&session.working_directory()?, named)
}

/// What the options and the rule say together.
pub(crate) fn options(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
    rule: Option<&CreationRule>,
) -> Result<EncryptOptions> {
    let selection = selection(given, rule)?;
    let mut groups = match recipients(given)? {
        own if !own.is_empty() => vec![own],
        _ => rule
            .map(|rule| rule.key_groups().to_vec())
            .unwrap_or_default(),
    };
    if groups.is_empty() {
        return Err(Error::new("config file not found, or has no creation rules, and no keys provided through command line options")
            .advise("name recipients (--age age1…, or SOPS_AGE_RECIPIENTS), or write a .sops.yaml with creation_rules")
            .of_kind("configuration"));
    }
    if let (Some(context), Some(rule)) = (context(given)?, rule)
        && recipients(given)?.is_empty()
        && !rule.has_groups()
    {
        for recipient in groups.iter_mut().flatten() {
            *recipient = recipient.clone().with_context(context.clone());
        }
    }
    let threshold = match given.number(&flag::THRESHOLD) {
        None | Some(0) => rule.map_or(0, CreationRule::shamir_threshold),
        Some(number) => usize::try_from(number).map_err(|_| {
            Error::new("--shamir-secret-sharing-threshold is negative")
                .advise("say how many groups must be opened")
                .of_kind("usage")
        })?,
    };
    let mac_only =
        session.options.mac_only_encrypted || rule.is_some_and(CreationRule::mac_only_encrypted);
    let mut options = EncryptOptions::with_key_groups(groups)
        .with_shamir_threshold(threshold)
        .with_format(input.output_format)
        .with_style(session.style(input.output_format)?);
    if input.format == Format::Binary {
        if let Some(selection) = selection {
            let field = selection.field().0;
            session.warn(&format!(
                "{field} is of no effect: a binary file is encrypted as a whole"
            ));
        }
        return Ok(options);
    }
    if let Some(selection) = selection {
        options = options.with_rule(selection);
    }
    Ok(options.with_mac_only_encrypted(mac_only))
}

/// Refuses a key group without recipients, once the file is known to be one
/// that can be encrypted.
pub(crate) fn no_empty_group(given: &Given, rule: Option<&CreationRule>) -> Result<()> {
    let groups = rule.map(CreationRule::key_groups).unwrap_or_default();
    let empty = groups.iter().filter(|group| group.is_empty()).count();
    if empty == 0 || !recipients(given)?.is_empty() {
        return Ok(());
    }
    let causes = vec!["empty key group provided"; empty].join(" ");
    Err(
        Error::new("a key group of the creation rule has no recipients")
            .advise(
                "name at least one recipient in each key group of the rule, or leave the group out",
            )
            .of_kind("configuration")
            .in_words_of_sops(format!("Could not generate data key: [{causes}]")),
    )
}

/// One of the six rules, of its text.
type MakeRule = fn(String) -> Rule;

/// Which values are encrypted: an option wins over the rule's setting of the
/// same name, and two of different names are a conflict.
fn selection(given: &Given, rule: Option<&CreationRule>) -> Result<Option<Rule>> {
    let fields: [(&Flag, MakeRule); 6] = [
        (&flag::UNENCRYPTED_SUFFIX, Rule::UnencryptedSuffix),
        (&flag::ENCRYPTED_SUFFIX, Rule::EncryptedSuffix),
        (&flag::UNENCRYPTED_REGEX, Rule::UnencryptedRegex),
        (&flag::ENCRYPTED_REGEX, Rule::EncryptedRegex),
        (
            &flag::UNENCRYPTED_COMMENT_REGEX,
            Rule::UnencryptedCommentRegex,
        ),
        (&flag::ENCRYPTED_COMMENT_REGEX, Rule::EncryptedCommentRegex),
    ];
    let mut rules = Vec::new();
    for (flag, make) in fields {
        if let Some(text) = given.str(flag)? {
            rules.push(make(text.to_owned()));
        }
    }
    if let Some(own) = rule.and_then(CreationRule::selection)
        && !rules.iter().any(|rule| rule.field().0 == own.field().0)
    {
        rules.push(own.clone());
    }
    match rules.as_slice() {
        [] => Ok(None),
        [rule] => Ok(Some(rule.clone())),
        [one, other, ..] => Err(conflict(format!(
            "both {} and {} say which values are encrypted",
            one.field().0,
            other.field().0
        ))
        .advise("leave one of them, among the options and in the creation rule")),
    }
}

/// The recipients that options, or their variables, name, in the order of
/// sops.
fn recipients(given: &Given) -> Result<Vec<Recipient>> {
    let fields: [(&Flag, KeyKind); 7] = [
        (&flag::KMS, KeyKind::AwsKms),
        (&flag::GCP_KMS, KeyKind::GcpKms),
        (&flag::HCKMS, KeyKind::HuaweiKms),
        (&flag::AZURE_KV, KeyKind::AzureKeyVault),
        (&flag::PGP, KeyKind::Pgp),
        (&flag::HC_VAULT, KeyKind::Vault),
        (&flag::AGE, KeyKind::Age),
    ];
    let mut recipients = Vec::new();
    for (flag, kind) in fields {
        recipients.extend(list(given, flag, kind)?);
    }
    with_aws(given, recipients)
}

/// What the options about AWS add to KMS keys.
pub(crate) fn with_aws(given: &Given, recipients: Vec<Recipient>) -> Result<Vec<Recipient>> {
    let context = context(given)?.unwrap_or_default();
    let profile = given.str(&flag::AWS_PROFILE)?.unwrap_or_default();
    let recipients = recipients.into_iter().map(|recipient| {
        recipient
            .with_context(context.clone())
            .with_profile(profile)
    });
    Ok(recipients.collect())
}

/// The recipients of one option: commas between.
pub(crate) fn list(given: &Given, flag: &Flag, kind: KeyKind) -> Result<Vec<Recipient>> {
    let Some(text) = given.str(flag)? else {
        return Ok(Vec::new());
    };
    parse(flag, kind, text.split(','))
}

/// Recipients of one kind.
pub(crate) fn parse<'t>(
    flag: &Flag,
    kind: KeyKind,
    texts: impl IntoIterator<Item = &'t str>,
) -> Result<Vec<Recipient>> {
    let mut recipients = Vec::new();
    for text in texts {
        let is_empty = text.trim().is_empty();
        if is_empty && matches!(kind, KeyKind::HuaweiKms | KeyKind::Vault) {
            continue;
        }
        let failed = |why: String| {
            Error::new(format!("--{}: {why}", flag.name()))
                .advise("mend the option, or the variable of the environment that stands in for it")
                .of_kind("usage")
        };
        if is_empty {
            return Err(failed("an empty recipient".into()));
        }
        recipients.push(Recipient::parse(kind, text).map_err(|why| failed(why.to_string()))?);
    }
    Ok(recipients)
}

/// `--encryption-context`: `key:value,key:value`.
fn context(given: &Given) -> Result<Option<BTreeMap<String, String>>> {
    let Some(text) = given.str(&flag::ENCRYPTION_CONTEXT)? else {
        return Ok(None);
    };
    let pairs = text.split(',').map(|pair| {
        let (key, value) = pair.split_once(':')?;
        (!value.contains(':')).then(|| (key.to_owned(), value.to_owned()))
    });
    let pairs: Option<BTreeMap<_, _>> = pairs.collect();
    pairs.map(Some).ok_or_else(|| {
        Error::new("--encryption-context is not a list of KEY:VALUE with commas between")
            .advise("write it as in env:prod,team:a")
            .with_exit_code(exit::CONTEXT)
            .of_kind("usage")
    })
}
