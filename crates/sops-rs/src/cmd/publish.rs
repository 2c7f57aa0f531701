//! `publish`: copies of encrypted files, or their plaintext, to where
//! `destination_rules` say (sops-encrypt-and-edit §11, sops-config §8).
//!
//! What is uploaded, under which name and after which question is decided
//! here; how it gets there is a [`Transport`]'s.

mod clouds;
mod transport;

use std::{
    fs,
    path::{Path, PathBuf},
};

use sops_core::{
    Document, EncryptOptions, Format, Style,
    config::{CreationRule, Destination, DestinationRule},
    tree::{Mapping, MappingItem},
};
use zeroize::Zeroizing;

use super::{encrypt, updatekeys::confirmed};
use crate::{
    Error, Opening, Result,
    args::{Given, flag},
    config,
    diff::Diff,
    exit,
    input::Input,
    session::{Session, cleaned, shown},
};
use clouds::Clouds;
use transport::{Object, Put, Transport};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let transport = Clouds::new(session.process.var_later);
    run(session, given, &transport)
}

pub(crate) fn run(
    session: &mut Session<'_, '_>,
    given: &Given,
    transport: &dyn Transport,
) -> Result<()> {
    session.options.verbose |= given.switch(&flag::VERBOSE);
    let found = session.config()?;
    if found.path.is_none() {
        return Err(Error::new("config file not found")
            .advise("write a .sops.yaml with destination_rules here or above, or name one with --config")
            .of_kind("configuration"));
    }
    let Some(typed) = given.positionals.first().map(PathBuf::from) else {
        return Err(Error::new("no file specified")
            .advise("see `sops-rs publish --help`")
            .with_exit_code(exit::NO_FILE)
            .of_kind("usage"));
    };
    session.warn_of_others(given.positionals.get(1..).unwrap_or_default());
    let path = session.process.resolve(&typed);
    let metadata = fs::metadata(&path).map_err(|error| {
        Error::io(format_args!("cannot read {}", shown(&typed)), &error)
            .advise("name a file that can be read")
            .of_kind("read")
    })?;
    let publication = Publication {
        found: &found,
        yes: given.switch(&flag::YES),
        recursive: given.switch(&flag::RECURSIVE),
        omit_extensions: given.switch(&flag::OMIT_EXTENSIONS),
        opening: Opening::of(given)?,
        transport,
    };
    if !metadata.is_dir() {
        let name = typed.file_name().map(PathBuf::from).unwrap_or_default();
        return publication.file(session, &typed, &name);
    }
    if !publication.recursive {
        return Err(
            Error::new("can't operate on a directory without --recursive flag.")
                .advise("name a file, or give --recursive")
                .of_kind("usage"),
        );
    }
    for below in files(&path)? {
        let name = below.strip_prefix(&path).unwrap_or(&below).to_owned();
        publication.file(session, &typed.join(&name), &name)?;
    }
    Ok(())
}

/// All files of a folder, in the order of their names.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let cannot =
        |error| Error::io(format_args!("cannot read {}", shown(folder)), &error).of_kind("read");
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot)? {
        names.push(entry.map_err(cannot)?);
    }
    names.sort_by_key(fs::DirEntry::file_name);
    let mut all = Vec::new();
    for entry in names {
        // A link to a folder is not gone into: it may lead back.
        if entry.file_type().map_err(cannot)?.is_dir() {
            all.extend(files(&entry.path())?);
        } else {
            all.push(entry.path());
        }
    }
    Ok(all)
}

struct Publication<'a> {
    found: &'a config::Found,
    yes: bool,
    recursive: bool,
    omit_extensions: bool,
    opening: Opening,
    transport: &'a dyn Transport,
}

impl Publication<'_> {
    fn file(&self, session: &mut Session<'_, '_>, typed: &Path, name: &Path) -> Result<()> {
        let rule = self.found.destination_rule(typed)?;
        let destination = rule.destination().ok_or_else(|| {
            Error::new("no destination configured for this file")
                .at(shown(typed))
                .advise("give the rule one of s3_bucket, gcs_bucket and vault_path")
                .of_kind("configuration")
        })?;
        let name = if self.omit_extensions || rule.omit_extensions() {
            name.with_extension("")
        } else {
            name.to_owned()
        };
        let object = Object::of(destination, &name, session.process.var)?;
        let input = Input::new(Some(cleaned(typed.as_os_str())), None, None, None);
        let bytes = self
            .content(session, &input, &rule)
            .map_err(|error| error.about(input.path()))?;
        let path = session.absolute(typed)?;
        if !self.yes {
            let question = format!("uploading {} to {object} ? (y/n): ", path.display());
            if !confirmed(session, &question)? {
                let message = format!("Publication of {} canceled", path.display());
                if self.recursive {
                    return session.process.print(format!("{message}\n").as_bytes());
                }
                return Err(Error::new(message)
                    .advise("nothing was uploaded")
                    .of_kind("canceled"));
            }
        }
        let put = self.transport.put(&object, &bytes);
        match put.map_err(|error| error.about(input.path()))? {
            Put::Written => {}
            Put::Unseen => session.warn(&format!(
                "whether {object} has these values already cannot be seen: they were written once more"
            )),
            Put::Unchanged => session.info(&format!("{object} is up to date: nothing was written")),
        }
        Ok(())
    }

    /// What is uploaded.
    fn content(
        &self,
        session: &mut Session<'_, '_>,
        input: &Input,
        rule: &DestinationRule,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let bytes = input
            .read(session)
            .map_err(|error| error.with_exit_code(exit::GENERIC))?;
        let document = input.parse(session, &bytes)?;
        let to_vault = matches!(rule.destination(), Some(Destination::Vault { .. }));
        let recreation = rule.recreation().filter(|_| !to_vault);
        if let Some(recreation) = recreation {
            let diff = Diff::new(&document, recreation);
            let colours = session.colours();
            let text = diff
                .text(colours)
                .replacen("file's groups", "file's key groups", 1);
            session.process.print(text.as_bytes())?;
        } else if !to_vault {
            return Ok(Zeroizing::new(bytes));
        }
        let keys = session.keys(&self.opening)?;
        let document = document
            .decrypt(&keys.keyring)
            .map_err(|error| input.opening_error(session, keys.note.as_ref(), error))?;
        match recreation {
            Some(recreation) => {
                let options = options(session, input, recreation)?;
                let plain = Document::from_tree(document.tree().to_vec(), input.format);
                encrypt::seal(session, input, plain, &options, &keys.keyring).map(Zeroizing::new)
            }
            None => merged(document.tree())
                .to_bytes(Format::Json, &Style::default())
                .map_err(|error| input.error(session, error)),
        }
    }
}

/// All that the rule says, other than sops, which takes two suffixes over.
fn options(
    session: &mut Session<'_, '_>,
    input: &Input,
    rule: &CreationRule,
) -> Result<EncryptOptions> {
    let options = EncryptOptions::with_key_groups(rule.key_groups().to_vec())
        .with_shamir_threshold(rule.shamir_threshold())
        .with_mac_only_encrypted(rule.mac_only_encrypted())
        .with_style(session.style(input.format)?);
    Ok(match rule.selection() {
        Some(selection) => options.with_rule(selection.clone()),
        None => options,
    })
}

/// The entries of all documents in one, later ones in the place of earlier
/// ones.
fn merged(tree: &[Mapping]) -> Document<sops_core::Plain> {
    let mut all = Mapping::default();
    for (key, value) in tree.iter().flat_map(Mapping::entries) {
        let place = all.items.iter_mut().find_map(|item| match item {
            MappingItem::Entry { key: known, value } if known == key => Some(value),
            _ => None,
        });
        match place {
            Some(place) => *place = value.clone(),
            None => all.push(key.clone(), value.clone()),
        }
    }
    Document::from_tree(vec![all], Format::Json)
}
