//! Which credentials are used, in the order of sops and of Google's Go
//! library (sops-master-keys §3). Reads variables and files, and asks nobody.

use std::path::{Path, PathBuf};

use sops_core::keys::{Found, KeyError, Location, Place, Reason};

use super::credentials::{Credentials, Source, bad, parse};
use crate::Environment;

/// The metadata server of Google's machines and of GKE.
const METADATA: &str = "http://169.254.169.254";

pub(super) struct Chain<'a> {
    env: &'a Environment,
    /// Where it looked, and what it found.
    pub(super) places: Vec<Place>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(env: &'a Environment) -> Self {
        Chain {
            env,
            places: Vec::new(),
        }
    }

    pub(super) fn credentials(&mut self) -> Result<Credentials, KeyError> {
        let mut credentials = self.first()?;
        if let Some(project) = self.env.var("GOOGLE_CLOUD_QUOTA_PROJECT") {
            credentials.quota_project = Some(project);
        }
        Ok(credentials)
    }

    fn first(&mut self) -> Result<Credentials, KeyError> {
        const TEXT: &str = "GOOGLE_CREDENTIALS";
        const TOKEN: &str = "GOOGLE_OAUTH_ACCESS_TOKEN";
        const FILE: &str = "GOOGLE_APPLICATION_CREDENTIALS";
        match self.env.secret_var(TEXT) {
            None => self.note(variable(TEXT), Found::NotSet),
            Some(value) if value.trim_start().starts_with('{') => {
                let from = self.env.name_of(TEXT);
                return self.parse(variable(TEXT), value.as_bytes(), &from);
            }
            // The value is not shown: it may be a key that was cut.
            Some(value) => {
                let text = self.env.read(Path::new(value.as_str())).map_err(|error| {
                    let why = format!("neither JSON nor a file that can be read: {}", error.kind());
                    self.note(variable(TEXT), Found::Unusable { why: why.clone() });
                    bad(TEXT, &why)
                })?;
                return self.parse(variable(TEXT), &text, TEXT);
            }
        }
        if let Some(token) = self.env.secret_var(TOKEN) {
            self.usable(variable(TOKEN), "an access token");
            return Ok(plain(Source::Given { token }));
        }
        self.note(variable(TOKEN), Found::NotSet);
        if let Some(path) = self.env.path_var(FILE) {
            return self.file(Some(FILE), &path);
        }
        self.note(variable(FILE), Found::NotSet);
        if let Some(path) = self.usual_file() {
            if path.exists() {
                return self.file(None, &path);
            }
            self.note(file(None, &path), Found::NotFound { hint: None });
        }
        // The variable holds a host, without a scheme.
        let host = self.env.var("GCE_METADATA_HOST");
        let url = host.map_or_else(|| METADATA.into(), |host| format!("http://{host}"));
        let server = self.env.metadata_server(&url)?;
        let place = Location::Other {
            name: "metadata server".into(),
        };
        self.usable(
            place,
            "the service account of this pod or machine, if there is one",
        );
        Ok(plain(Source::Metadata { server }))
    }

    /// What `gcloud auth application-default login` writes.
    fn usual_file(&self) -> Option<PathBuf> {
        const NAME: &str = "application_default_credentials.json";
        let folder = if cfg!(windows) {
            self.env.path_var("APPDATA")?
        } else {
            self.env.home()?.join(".config")
        };
        Some(folder.join("gcloud").join(NAME))
    }

    fn file(&mut self, name: Option<&'static str>, path: &Path) -> Result<Credentials, KeyError> {
        let from = match name {
            Some(name) => format!("{name} ({})", path.display()),
            None => path.display().to_string(),
        };
        let text = self.env.read(path).map_err(|error| {
            let why = error.kind().to_string();
            self.note(file(name, path), Found::Unusable { why: why.clone() });
            bad(&from, &why)
        })?;
        self.parse(file(name, path), &text, &from)
    }

    fn parse(&mut self, at: Location, json: &[u8], from: &str) -> Result<Credentials, KeyError> {
        match parse(json, from) {
            Ok(credentials) => {
                self.usable(at, &credentials.source.to_string());
                Ok(credentials)
            }
            Err(error) => {
                let why = error.detail().to_owned();
                self.note(at, Found::Unusable { why });
                Err(error)
            }
        }
    }

    fn note(&mut self, location: Location, found: Found) {
        self.places.push(Place::new(location, found));
    }

    fn usable(&mut self, location: Location, what: &str) {
        self.note(location, Found::Usable { what: what.into() });
    }
}

fn variable(name: &'static str) -> Location {
    Location::Variable {
        variable: name.into(),
    }
}

fn file(name: Option<&'static str>, path: &Path) -> Location {
    Location::File {
        variable: name.map(Into::into),
        path: path.display().to_string(),
    }
}

fn plain(source: Source) -> Credentials {
    Credentials {
        source,
        universe: None,
        quota_project: None,
    }
}

/// No place has credentials.
pub(super) fn none() -> KeyError {
    KeyError::new(
        Reason::NoCredentials,
        "no variable, no file and no metadata server gives any",
    )
    .advise(
        "in GKE let the pod's service account use the key (Workload Identity Federation); \
         elsewhere set GOOGLE_APPLICATION_CREDENTIALS, or run `gcloud auth application-default \
         login`",
    )
}
