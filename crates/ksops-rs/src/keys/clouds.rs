//! Which credentials of clouds count: those in a folder of keys, those of the
//! pod, or none.

use std::{ffi::OsString, path::PathBuf, sync::OnceLock};

use sops_core::{
    Keyring,
    keys::{
        Effort, Found, KeyError, KeyKind, KeyService, Location, Place, Reason, Recipient, Secret,
        WrappedKey,
    },
    shown::printable,
};
use sops_kms::{Environment, Policy};

use super::{AMBIENT, by_project, flux, is_ambient};
use crate::{
    parallel::may_wait,
    settings::{KEY_DIR, Lookup, Settings},
};

/// Adds the services of clouds to a keyring.
///
/// A file of credentials in a folder is the only place for its kind: the
/// environment's do not count beside it. Where `closed`, as for keys that are
/// kept by project, the environment's count for nothing at all, unless a folder
/// holds a file named [`AMBIENT`].
pub(super) fn add(
    keyring: &mut Keyring,
    folders: &[PathBuf],
    closed: bool,
    policy: Policy,
    survey: bool,
    var: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
) {
    let env = Environment::new(var, policy).before_requests(may_wait);
    let may_be_ambient = !closed || folders.iter().any(|folder| is_ambient(folder));
    let mut absent = Vec::new();
    for kind in sops_kms::kinds() {
        let files = files(folders, kind);
        let has_file = !files.is_empty();
        for path in files {
            keyring.add_service(FileService::new(kind, path, env.clone(), survey));
        }
        if may_be_ambient && (closed || !has_file) {
            sops_kms::add_service(keyring, kind, &env);
        } else if !has_file {
            absent.push(kind);
        }
    }
    if !absent.is_empty() {
        keyring.add_service(Absent(absent));
    }
}

/// Variables by which a pod is given an identity. Where none of a kind is set,
/// only a metadata server could know of one.
const SIGNS: [(KeyKind, &[&str]); 5] = [
    (
        KeyKind::AwsKms,
        &[
            "AWS_ACCESS_KEY_ID",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_PROFILE",
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        ],
    ),
    (
        KeyKind::GcpKms,
        &[
            "GOOGLE_CREDENTIALS",
            "GOOGLE_OAUTH_ACCESS_TOKEN",
            "GOOGLE_APPLICATION_CREDENTIALS",
        ],
    ),
    (
        KeyKind::AzureKeyVault,
        &[
            "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "IDENTITY_ENDPOINT",
        ],
    ),
    (
        KeyKind::Vault,
        &["VAULT_TOKEN", "KSOPS_VAULT_ROLE", "VAULT_AGENT_ADDR"],
    ),
    (
        KeyKind::HuaweiKms,
        &["HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_CREDENTIALS_FILE"],
    ),
];

/// See [`super::outlooks`].
pub(super) fn outlooks(
    folders: &[PathBuf],
    settings: &Settings,
    var: &Lookup<'_>,
    later: impl Fn(&str) -> Option<OsString> + Send + Sync + 'static,
) -> Vec<(KeyKind, Result<String, KeyError>)> {
    let closed = by_project(settings);
    if closed && !folders.iter().any(|folder| is_ambient(folder)) {
        return Vec::new();
    }
    let env = Environment::new(later, policy(settings));
    let is_set = |name: &&str| var(name).is_some_and(|value| !value.is_empty());
    let kinds = SIGNS.iter().filter(|(kind, names)| {
        names.iter().any(is_set) && (closed || files(folders, *kind).is_empty())
    });
    let outlooks = kinds.map(|(kind, _)| Some((*kind, sops_kms::outlook(*kind, &env)?)));
    outlooks.flatten().collect()
}

/// The files of credentials of a kind. A link that leads nowhere is one too:
/// it must not open the door to other credentials.
fn files(folders: &[PathBuf], kind: KeyKind) -> Vec<PathBuf> {
    let names = flux::FILES.iter().filter(|(_, of)| *of == kind);
    let paths = names.flat_map(|(name, _)| folders.iter().map(move |folder| folder.join(name)));
    paths
        .filter(|path| path.symlink_metadata().is_ok())
        .collect()
}

/// The service of one kind, with the credentials of one file. The file is read
/// when a key is first asked for.
struct FileService {
    kind: KeyKind,
    path: PathBuf,
    env: Environment,
    /// Whether its place is told of though no key needed it.
    survey: bool,
    opened: OnceLock<Result<Opened, KeyError>>,
}

/// What a file gave.
struct Opened {
    /// With one service.
    keyring: Keyring,
    what: String,
    /// With the credentials.
    env: Environment,
}

impl FileService {
    fn new(kind: KeyKind, path: PathBuf, env: Environment, survey: bool) -> Self {
        FileService {
            kind,
            path,
            env,
            survey,
            opened: OnceLock::new(),
        }
    }

    fn opened(&self) -> Result<&Opened, KeyError> {
        let opened = self.opened.get_or_init(|| {
            let (credentials, what) = flux::read(self.kind, &self.path, &self.env)?;
            let env = self.env.clone().with_credentials(credentials);
            let mut keyring = Keyring::without_services();
            sops_kms::add_service(&mut keyring, self.kind, &env);
            Ok(Opened { keyring, what, env })
        });
        opened.as_ref().map_err(Clone::clone)
    }
}

impl KeyService for FileService {
    fn handles(&self, kind: KeyKind) -> bool {
        kind == self.kind
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::Network]
    }

    fn unwrap(&self, key: &WrappedKey, effort: Effort) -> Result<Secret, KeyError> {
        self.opened()?.keyring.unwrap(key, effort)
    }

    fn wrap(&self, to: &Recipient, secret: &Secret) -> Result<WrappedKey, KeyError> {
        self.opened()?.keyring.wrap(to, secret)
    }

    /// Nothing until a key was asked for: the file is not read for a report.
    fn places(&self) -> Vec<Place> {
        if !self.survey && self.opened.get().is_none() {
            return Vec::new();
        }
        let location = Location::File {
            variable: None,
            path: printable(&self.path.to_string_lossy()),
        };
        // Vault's would miss the address, which stands in the files.
        let outlook =
            self.opened()
                .and_then(|opened| match sops_kms::outlook(self.kind, &opened.env) {
                    Some(Err(error)) if self.kind != KeyKind::Vault => Err(error),
                    _ => Ok(&opened.what),
                });
        let found = match outlook {
            Ok(what) => Found::Usable { what: what.clone() },
            Err(error) => {
                let start = format!("{}: ", self.path.display());
                let why = error.detail();
                let why = why.strip_prefix(&start).unwrap_or(why);
                let advice = error.advice().unwrap_or_default();
                Found::Unusable {
                    why: format!("{why}; {advice}"),
                }
            }
        };
        vec![Place::new(location, found)]
    }

    fn forget_failures(&self) {
        if let Some(Ok(opened)) = self.opened.get() {
            opened.keyring.forget_failures();
        }
    }
}

/// Stands for the kinds that a project has no credentials for: says so, and
/// asks nobody.
struct Absent(Vec<KeyKind>);

impl Absent {
    fn error(kind: KeyKind) -> KeyError {
        let file = flux::FILES.iter().find(|(_, of)| *of == kind);
        let (what, advice) = match file {
            Some((file, _)) => (
                format!("neither {file} nor {AMBIENT}"),
                format!("put {file} there, or an empty file {AMBIENT}"),
            ),
            None => (
                format!("no {AMBIENT}"),
                format!("put an empty file {AMBIENT} there"),
            ),
        };
        KeyError::new(
            Reason::NoCredentials,
            format!("keys are kept by project, and there is {what} among the project's"),
        )
        .advise(format!(
            "in the project's folder of {KEY_DIR} the administrator of Argo CD can {advice} by which the project may use the repo-server's own identity"
        ))
    }
}

impl KeyService for Absent {
    fn handles(&self, kind: KeyKind) -> bool {
        self.0.contains(&kind)
    }

    fn efforts(&self, _: &WrappedKey) -> &[Effort] {
        &[Effort::AtHand]
    }

    fn unwrap(&self, key: &WrappedKey, _: Effort) -> Result<Secret, KeyError> {
        Err(Self::error(key.kind()))
    }

    fn wrap(&self, to: &Recipient, _: &Secret) -> Result<WrappedKey, KeyError> {
        Err(Self::error(to.kind()))
    }
}

/// What the services may do, by what the settings say.
pub(super) fn policy(settings: &Settings) -> Policy {
    let policy = if settings.argo_cd {
        Policy::default().with_strangers_files()
    } else {
        Policy::default().with_programs()
    };
    match settings.offline {
        true => policy.asking_nobody(),
        false => policy,
    }
}
