//! Credentials of Huawei Cloud, in the order of its Go library, which sops
//! links (sops-master-keys §6). Reads variables and files, and asks nobody.

use std::{collections::BTreeMap, fmt, io};

use sops_core::keys::{Found, KeyError, Location, Place, Reason};
use zeroize::Zeroizing;

use crate::{Environment, environment::MetadataServer};

/// The metadata server of Huawei's machines.
const METADATA: &str = "http://169.254.169.254";

/// What requests are signed with.
#[derive(Clone)]
pub(super) struct Keys {
    /// The access key's id.
    pub(super) id: String,
    pub(super) secret: Zeroizing<String>,
    /// Of temporary credentials only.
    pub(super) token: Option<Zeroizing<String>>,
}

/// Where keys come from.
#[derive(Clone)]
pub(super) enum Source {
    Given {
        keys: Keys,
        from: String,
        /// Where it is not given it is asked for.
        project: Option<String>,
        iam: Option<String>,
    },
    /// The machine's metadata server.
    Metadata { server: MetadataServer },
}

/// Whose credentials they are. Nothing secret.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Given { from, .. } => write!(f, "the access key of {from}"),
            Source::Metadata { .. } => f.write_str("the agency of this machine (metadata server)"),
        }
    }
}

/// The source, and where it was looked for.
pub(super) fn source(env: &Environment, places: &mut Vec<Place>) -> Result<Source, KeyError> {
    const ID: &str = "HUAWEICLOUD_SDK_AK";
    const SECRET: &str = "HUAWEICLOUD_SDK_SK";
    let variable = || Location::Variable {
        variable: ID.into(),
    };
    let iam = env.var("HUAWEICLOUD_SDK_IAM_ENDPOINT");
    if let (Some(id), Some(secret)) = (env.var(ID), env.secret_var(SECRET)) {
        let what = "an access key".into();
        places.push(Place::new(variable(), Found::Usable { what }));
        return Ok(Source::Given {
            keys: Keys {
                id,
                secret,
                token: env.secret_var("HUAWEICLOUD_SDK_SECURITY_TOKEN"),
            },
            from: ID.into(),
            project: env.var("HUAWEICLOUD_SDK_PROJECT_ID"),
            iam,
        });
    }
    if env.var("HUAWEICLOUD_SDK_IDP_ID").is_some() {
        return Err(unsupported("HUAWEICLOUD_SDK_IDP_ID"));
    }
    places.push(Place::new(variable(), Found::NotSet));
    if let Some(source) = file(env, places, iam)? {
        return Ok(source);
    }
    let endpoint = env.var("KSOPS_HUAWEI_METADATA_ENDPOINT");
    let server = env.metadata_server(endpoint.as_deref().unwrap_or(METADATA))?;
    let location = Location::Other {
        name: "metadata server".into(),
    };
    let what = "the agency of this machine, if it has one".into();
    places.push(Place::new(location, Found::Usable { what }));
    Ok(Source::Metadata { server })
}

/// `~/.huaweicloud/credentials`, section `[basic]`.
fn file(
    env: &Environment,
    places: &mut Vec<Place>,
    iam: Option<String>,
) -> Result<Option<Source>, KeyError> {
    const FILE: &str = "HUAWEICLOUD_SDK_CREDENTIALS_FILE";
    const ADVICE: &str = "the file has a section [basic] with ak and sk; or set \
        HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK";
    let named = env.path_var(FILE);
    let variable = named.as_ref().map(|_| FILE.into());
    let usual = || Some(env.home()?.join(".huaweicloud").join("credentials"));
    let is_named = named.is_some();
    let Some(path) = named.or_else(usual) else {
        return Ok(None);
    };
    let shown = path.display().to_string();
    let mut note = |found| {
        let location = Location::File {
            variable: variable.clone(),
            path: shown.clone(),
        };
        places.push(Place::new(location, found));
    };
    let text = match env.read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !is_named => {
            note(Found::NotFound { hint: None });
            return Ok(None);
        }
        Err(error) => {
            let why = error.kind().to_string();
            note(Found::Unusable { why: why.clone() });
            return Err(
                KeyError::new(Reason::NoCredentials, format!("{shown}: {why}")).advise(ADVICE),
            );
        }
    };
    let settings = basic(&String::from_utf8_lossy(&text));
    let get = |name: &str| settings.get(name).filter(|value| !value.is_empty());
    let (Some(id), Some(secret)) = (get("ak"), get("sk")) else {
        if get("idp_id").is_some() {
            return Err(unsupported(&shown));
        }
        let why = "no ak and sk in the section [basic]";
        note(Found::Unusable { why: why.into() });
        return Err(KeyError::new(Reason::NoCredentials, format!("{shown}: {why}")).advise(ADVICE));
    };
    let what = "an access key".into();
    note(Found::Usable { what });
    Ok(Some(Source::Given {
        keys: Keys {
            id: id.to_string(),
            secret: secret.clone(),
            token: get("security_token").cloned(),
        },
        from: shown,
        project: get("project_id").map(|project| project.to_string()),
        iam: get("iam_endpoint").map(|url| url.to_string()).or(iam),
    }))
}

/// The settings of the section `[basic]`.
fn basic(text: &str) -> BTreeMap<String, Zeroizing<String>> {
    let mut settings = BTreeMap::new();
    let mut is_basic = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            is_basic = line == "[basic]";
        } else if let Some((name, value)) = line.split_once('=')
            && is_basic
            && !line.starts_with(['#', ';'])
        {
            let value = Zeroizing::new(value.trim().to_owned());
            settings.insert(name.trim().to_owned(), value);
        }
    }
    settings
}

fn unsupported(from: &str) -> KeyError {
    KeyError::new(
        Reason::NoCredentials,
        format!("{from}: an identity provider's token is not supported"),
    )
    .advise("use an access key, or an agency of the machine")
}

/// No place has credentials.
pub(super) fn none() -> KeyError {
    KeyError::new(
        Reason::NoCredentials,
        "no variable, no file and no metadata server gives any",
    )
    .advise(
        "set HUAWEICLOUD_SDK_AK and HUAWEICLOUD_SDK_SK, or give the machine an agency that may \
         use the key",
    )
}
