//! Credentials of Google, and the files that hold them.

use std::{collections::BTreeMap, fmt, path::PathBuf};

use serde::Deserialize;
use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use crate::{environment::MetadataServer, wire::Text};

/// How often credentials may stand for others.
pub(super) const DEPTH: usize = 3;

/// Where users' tokens are renewed.
const USERS: &str = "https://oauth2.googleapis.com/token";

/// What requests to KMS are made with.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) source: Source,
    /// The domain that they are good for, where they say so.
    pub(super) universe: Option<String>,
    /// The project that pays for a user's requests.
    pub(super) quota_project: Option<String>,
}

/// Where a token comes from: decided without asking anybody.
#[derive(Clone)]
pub(super) enum Source {
    /// Given as it is.
    Given { token: Zeroizing<String> },
    /// A token that is signed with a service account's key.
    ServiceAccount {
        email: String,
        /// In PEM.
        key: Zeroizing<String>,
        key_id: Option<String>,
        from: String,
    },
    /// A person who has logged in.
    User {
        url: String,
        client_id: String,
        client_secret: Zeroizing<String>,
        refresh_token: Zeroizing<String>,
        /// The client proves itself by a header, not in the form.
        in_header: bool,
        from: String,
    },
    /// A token of somebody else's, which Google exchanges.
    External {
        url: String,
        audience: String,
        subject_type: String,
        subject: Subject,
        client: Option<(String, Zeroizing<String>)>,
        /// The project that pays for a workforce user's requests.
        user_project: Option<String>,
        from: String,
    },
    /// A service account, by way of other credentials.
    Impersonated {
        base: Box<Source>,
        url: String,
        email: String,
        delegates: Vec<String>,
        seconds: u32,
    },
    /// The machine's metadata server.
    Metadata { server: MetadataServer },
}

/// Where the token of somebody else's is.
#[derive(Clone)]
pub(super) struct Subject {
    pub(super) place: SubjectPlace,
    /// The field of a JSON object that holds it; none where it is all of it.
    pub(super) field: Option<String>,
}

#[derive(Clone)]
pub(super) enum SubjectPlace {
    File(PathBuf),
    Url(String, Vec<(String, Zeroizing<String>)>),
}

impl Source {
    /// Whether asking again may give another token.
    pub(super) fn can_renew(&self) -> bool {
        !matches!(self, Source::Given { .. })
    }
}

/// Whose credentials they are. Nothing secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Given { .. } => f.write_str("the owner of GOOGLE_OAUTH_ACCESS_TOKEN"),
            Source::ServiceAccount { email, from, .. } => {
                write!(f, "service account {email} (of {from})")
            }
            Source::User { from, .. } => write!(f, "the user who logged in (of {from})"),
            Source::External { audience, from, .. } => {
                write!(f, "the identity from {audience} (of {from})")
            }
            Source::Impersonated { base, email, .. } => {
                write!(f, "service account {email} (by {base})")
            }
            Source::Metadata { .. } => {
                f.write_str("the service account of this pod or machine (metadata server)")
            }
        }
    }
}

/// Shows nothing secret.
impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({self})")
    }
}

/// A file of credentials, of whatever type.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "type", default)]
    kind: String,
    universe_domain: Option<String>,
    quota_project_id: Option<String>,
    client_email: Option<String>,
    private_key_id: Option<String>,
    #[serde(borrow)]
    private_key: Option<Text<'a>>,
    client_id: Option<String>,
    #[serde(borrow)]
    client_secret: Option<Text<'a>>,
    #[serde(borrow)]
    refresh_token: Option<Text<'a>>,
    token_uri: Option<String>,
    token_url: Option<String>,
    audience: Option<String>,
    subject_token_type: Option<String>,
    credential_source: Option<SubjectSource>,
    workforce_pool_user_project: Option<String>,
    service_account_impersonation_url: Option<String>,
    service_account_impersonation: Option<Impersonation>,
    #[serde(default)]
    delegates: Vec<String>,
    #[serde(borrow)]
    source_credentials: Option<Box<File<'a>>>,
}

#[derive(Deserialize)]
struct Impersonation {
    token_lifetime_seconds: Option<u32>,
}

#[derive(Deserialize)]
struct SubjectSource {
    file: Option<PathBuf>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    format: Option<Format>,
    executable: Option<serde::de::IgnoredAny>,
    environment_id: Option<String>,
}

#[derive(Deserialize)]
struct Format {
    #[serde(rename = "type", default)]
    kind: String,
    subject_token_field_name: Option<String>,
}

/// Reads a file of credentials. `from` says where it stands.
pub(super) fn parse(json: &[u8], from: &str) -> Result<Credentials, KeyError> {
    let file: File<'_> = serde_json::from_slice(json).map_err(|error| {
        // What serde says may quote a value.
        let (line, column) = (error.line(), error.column());
        bad(
            from,
            &format!("not credentials in JSON (line {line}, column {column})"),
        )
    })?;
    let universe = file.universe_domain.clone().filter(|text| !text.is_empty());
    let quota_project = file
        .quota_project_id
        .clone()
        .filter(|text| !text.is_empty());
    Ok(Credentials {
        source: source(file, from, DEPTH)?,
        universe,
        quota_project,
    })
}

fn source(file: File<'_>, from: &str, depth: usize) -> Result<Source, KeyError> {
    let lacks = |field: &str| bad(from, &format!("there is no {field}"));
    let secret = |text: Option<Text<'_>>, field| {
        let text = text.filter(|text| !text.as_str().is_empty());
        text.map(|text| text.to_owned()).ok_or_else(|| lacks(field))
    };
    let text = |text: Option<String>, field| {
        text.filter(|text| !text.is_empty())
            .ok_or_else(|| lacks(field))
    };
    match &*file.kind {
        "service_account" => Ok(Source::ServiceAccount {
            email: text(file.client_email, "client_email")?,
            key: secret(file.private_key, "private_key")?,
            key_id: file.private_key_id,
            from: from.into(),
        }),
        "authorized_user" => Ok(Source::User {
            url: file.token_uri.unwrap_or_else(|| USERS.into()),
            client_id: text(file.client_id, "client_id")?,
            client_secret: secret(file.client_secret, "client_secret")?,
            refresh_token: secret(file.refresh_token, "refresh_token")?,
            in_header: false,
            from: from.into(),
        }),
        "external_account_authorized_user" => Ok(Source::User {
            url: text(file.token_url, "token_url")?,
            client_id: text(file.client_id, "client_id")?,
            client_secret: secret(file.client_secret, "client_secret")?,
            refresh_token: secret(file.refresh_token, "refresh_token")?,
            in_header: true,
            from: from.into(),
        }),
        "external_account" => {
            let given = file
                .credential_source
                .ok_or_else(|| lacks("credential_source"))?;
            let domain = file.universe_domain.as_deref().unwrap_or(super::UNIVERSE);
            let usual = format!("https://sts.{domain}/v1/token");
            let client = match (file.client_id, file.client_secret) {
                (Some(id), secret) if !id.is_empty() => Some((
                    id,
                    secret.map_or_else(Zeroizing::default, |secret| secret.to_owned()),
                )),
                _ => None,
            };
            let base = Source::External {
                url: file.token_url.unwrap_or(usual),
                audience: text(file.audience, "audience")?,
                subject_type: text(file.subject_token_type, "subject_token_type")?,
                subject: subject(given, from)?,
                user_project: file
                    .workforce_pool_user_project
                    .filter(|_| client.is_none()),
                client,
                from: from.into(),
            };
            let life = file.service_account_impersonation;
            match file.service_account_impersonation_url {
                Some(url) if !url.is_empty() => Ok(Source::Impersonated {
                    base: base.into(),
                    email: email_in(&url),
                    url,
                    delegates: Vec::new(),
                    seconds: life
                        .and_then(|life| life.token_lifetime_seconds)
                        .unwrap_or(3600),
                }),
                _ => Ok(base),
            }
        }
        "impersonated_service_account" => {
            let url = text(
                file.service_account_impersonation_url,
                "service_account_impersonation_url",
            )?;
            let base = file
                .source_credentials
                .ok_or_else(|| lacks("source_credentials"))?;
            let left = depth.checked_sub(1);
            let left = left.ok_or_else(|| bad(from, "credentials in credentials, too often"))?;
            Ok(Source::Impersonated {
                base: source(*base, from, left)?.into(),
                email: email_in(&url),
                url,
                delegates: file.delegates,
                seconds: 3600,
            })
        }
        "" => Err(lacks("type")),
        _ => Err(unsupported(from, "this type of credentials")),
    }
}

fn subject(given: SubjectSource, from: &str) -> Result<Subject, KeyError> {
    let field = match given.format {
        Some(format) if format.kind == "json" => Some(
            format
                .subject_token_field_name
                .ok_or_else(|| bad(from, "there is no subject_token_field_name"))?,
        ),
        _ => None,
    };
    let place = if given.environment_id.is_some() {
        return Err(unsupported(from, "an external account of AWS"));
    } else if let Some(path) = given.file {
        SubjectPlace::File(path)
    } else if let Some(url) = given.url {
        let headers = given.headers.into_iter();
        let headers = headers.map(|(name, value)| (name, Zeroizing::new(value)));
        SubjectPlace::Url(url, headers.collect())
    } else if given.executable.is_some() {
        return Err(unsupported(
            from,
            "an external account whose token a program prints",
        ));
    } else {
        return Err(unsupported(from, "an external account of this sort"));
    };
    Ok(Subject { place, field })
}

/// The service account in `…/serviceAccounts/EMAIL:generateAccessToken`.
fn email_in(url: &str) -> String {
    let last = url.rsplit('/').next().unwrap_or_default();
    let email = last.split(':').next().unwrap_or_default();
    email.replace("%40", "@")
}

pub(super) fn bad(from: &str, what: &str) -> KeyError {
    KeyError::new(Reason::NoCredentials, format!("{from}: {what}")).advise(
        "give the JSON file of a service account's key, or what `gcloud auth application-default \
         login` or `gcloud iam workload-identity-pools create-cred-config` writes",
    )
}

fn unsupported(from: &str, what: &str) -> KeyError {
    bad(from, &format!("{what} is not supported")).advise(
        "use a service account's key, an external account with a file or url source, or the \
         metadata server",
    )
}
