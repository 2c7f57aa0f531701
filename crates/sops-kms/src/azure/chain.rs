//! Which credentials are used, in the order of Azure's Go library
//! (`DefaultAzureCredential`, sops-master-keys §4). Reads variables and looks
//! for files, and asks nobody.

use std::{env::split_paths, path::PathBuf};

use sops_core::keys::{Found, KeyError, Location, Place, Reason};

use super::credentials::{Proof, Source};
use crate::Environment;

/// The metadata server of Azure's machines.
const METADATA: &str = "http://169.254.169.254";

pub(super) struct Chain<'a> {
    env: &'a Environment,
    /// Where it looked, and what it found.
    pub(super) places: Vec<Place>,
}

/// The parts of the chain.
#[derive(Clone, Copy, PartialEq)]
enum Part {
    Environment,
    Workload,
    Managed,
    Cli,
}

impl<'a> Chain<'a> {
    pub(super) fn new(env: &'a Environment) -> Self {
        Chain {
            env,
            places: Vec::new(),
        }
    }

    /// One source, or several of which a later one counts where the ones
    /// before it turn out not to be there.
    pub(super) fn sources(&mut self) -> Result<Vec<Source>, KeyError> {
        let parts = self.parts()?;
        let mut sources = Vec::new();
        for part in parts {
            let found = match part {
                Part::Environment => self.application()?,
                Part::Workload => self.workload()?,
                Part::Managed => Some(self.managed()?),
                Part::Cli => self.cli(),
            };
            let Some(source) = found else { continue };
            let may_be_absent = matches!(source, Source::Metadata { .. });
            sources.push(source);
            if !may_be_absent {
                break;
            }
        }
        if sources.is_empty() {
            return Err(none());
        }
        Ok(sources)
    }

    /// `AZURE_TOKEN_CREDENTIALS`.
    fn parts(&mut self) -> Result<Vec<Part>, KeyError> {
        const NAME: &str = "AZURE_TOKEN_CREDENTIALS";
        use Part::{Cli, Environment, Managed, Workload};
        let Some(value) = self.env.var(NAME) else {
            return Ok(vec![Environment, Workload, Managed, Cli]);
        };
        Ok(match &*value.trim().to_ascii_lowercase() {
            "dev" => vec![Cli],
            "prod" => vec![Environment, Workload, Managed],
            "environmentcredential" => vec![Environment],
            "workloadidentitycredential" => vec![Workload],
            "managedidentitycredential" => vec![Managed],
            "azureclicredential" => vec![Cli],
            "azuredeveloperclicredential" | "azurepowershellcredential" => {
                return Err(self
                    .bad(NAME, "azd and PowerShell are not asked")
                    .advise("log in with az, or use prod, dev or the name of another credential"));
            }
            _ => return Err(self.bad(NAME, "not prod, dev or the name of a credential")),
        })
    }

    fn application(&mut self) -> Result<Option<Source>, KeyError> {
        const SECRET: &str = "AZURE_CLIENT_SECRET";
        const CERTIFICATE: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
        let proof = if let Some(secret) = self.env.secret_var(SECRET) {
            Some((SECRET, Proof::Secret(secret)))
        } else if let Some(path) = self.env.path_var(CERTIFICATE) {
            let with_chain = self.env.flag("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN");
            Some((CERTIFICATE, Proof::Certificate { path, with_chain }))
        } else {
            None
        };
        let Some((name, proof)) = proof else {
            if self.env.var("AZURE_USERNAME").is_some() {
                let why = "passwords of people are not supported";
                self.note("AZURE_USERNAME", Found::Unusable { why: why.into() });
            }
            self.note(SECRET, Found::NotSet);
            return Ok(None);
        };
        let Some((tenant, client)) = self.ids() else {
            let why = "AZURE_TENANT_ID and AZURE_CLIENT_ID are not both set";
            self.note(name, Found::Unusable { why: why.into() });
            return Ok(None);
        };
        self.usable(name, &format!("application {client}"));
        Ok(Some(Source::Application {
            tenant,
            client,
            proof,
            from: self.env.name_of(name),
        }))
    }

    fn workload(&mut self) -> Result<Option<Source>, KeyError> {
        const FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
        let Some(path) = self.env.path_var(FILE) else {
            self.note(FILE, Found::NotSet);
            return Ok(None);
        };
        let Some((tenant, client)) = self.ids() else {
            let why = "AZURE_TENANT_ID and AZURE_CLIENT_ID are not both set";
            return Err(self.bad(FILE, why).advise(
                "annotate the pod's service account with azure.workload.identity/client-id, and \
                 label the pod with azure.workload.identity/use: \"true\"",
            ));
        };
        self.usable(FILE, &format!("application {client}"));
        Ok(Some(Source::Application {
            tenant,
            client,
            proof: Proof::Federated(path),
            from: FILE.into(),
        }))
    }

    fn managed(&mut self) -> Result<Source, KeyError> {
        const ENDPOINT: &str = "IDENTITY_ENDPOINT";
        let client = self.env.var("AZURE_CLIENT_ID");
        if let Some(endpoint) = self.env.var(ENDPOINT) {
            let fabric = self.env.var("IDENTITY_SERVER_THUMBPRINT").is_some();
            let Some(header) = self.env.secret_var("IDENTITY_HEADER").filter(|_| !fabric) else {
                return Err(self.bad(
                    ENDPOINT,
                    "the identity of Azure Arc or Service Fabric, which is not supported",
                ));
            };
            self.usable(ENDPOINT, "a managed identity");
            return Ok(Source::AppService {
                endpoint,
                header,
                client,
            });
        }
        self.note(ENDPOINT, Found::NotSet);
        if self.env.var("MSI_ENDPOINT").is_some() {
            return Err(self.bad(
                "MSI_ENDPOINT",
                "the identity of Cloud Shell or Azure ML, which is not supported",
            ));
        }
        let endpoint = self.env.var("AZURE_POD_IDENTITY_AUTHORITY_HOST");
        let server = self
            .env
            .metadata_server(endpoint.as_deref().unwrap_or(METADATA))?;
        let location = Location::Other {
            name: "metadata server".into(),
        };
        let what = "the managed identity of this machine, if it has one".into();
        self.places
            .push(Place::new(location, Found::Usable { what }));
        Ok(Source::Metadata { server, client })
    }

    fn cli(&mut self) -> Option<Source> {
        let location = Location::Other { name: "az".into() };
        let mut note = |found| self.places.push(Place::new(location.clone(), found));
        if !self.env.policy().programs() {
            note(Found::NotAllowed);
            return None;
        }
        let folders = self.env.path_var("PATH").unwrap_or_default();
        let name = if cfg!(windows) { "az.cmd" } else { "az" };
        // An entry that is relative would be a program of the repository's.
        let mut folders = split_paths(&folders).filter(|folder| folder.is_absolute());
        let program: Option<PathBuf> =
            folders.find_map(|folder| Some(folder.join(name)).filter(|path| path.is_file()));
        let Some(program) = program else {
            note(Found::NotFound { hint: None });
            return None;
        };
        let what = "whoever is logged in".into();
        note(Found::Usable { what });
        Some(Source::Cli { program })
    }

    fn ids(&self) -> Option<(String, String)> {
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let tenant = self.env.var("AZURE_TENANT_ID")?;
        let client = self.env.var("AZURE_CLIENT_ID")?;
        // A tenant becomes part of a URL.
        tenant.chars().all(good).then_some((tenant, client))
    }

    fn note(&mut self, variable: &'static str, found: Found) {
        let variable = variable.into();
        self.places
            .push(Place::new(Location::Variable { variable }, found));
    }

    fn usable(&mut self, variable: &'static str, what: &str) {
        self.note(variable, Found::Usable { what: what.into() });
    }

    fn bad(&mut self, variable: &'static str, why: &str) -> KeyError {
        self.note(variable, Found::Unusable { why: why.into() });
        KeyError::new(Reason::NoCredentials, format!("{variable}: {why}"))
            .advise(format!("mend {variable}, or unset it"))
    }
}

/// No place has credentials.
pub(super) fn none() -> KeyError {
    KeyError::new(
        Reason::NoCredentials,
        "no variable, no metadata server and no az gives any",
    )
    .advise(
        "in AKS annotate the service account for workload identity; on a machine of Azure give \
         it a managed identity; elsewhere set AZURE_TENANT_ID, AZURE_CLIENT_ID and \
         AZURE_CLIENT_SECRET, or run `az login`",
    )
}
