//! Which credentials are used, in the order of AWS's Go SDK, which sops links
//! (sops-master-keys §2). Reads variables and files, and asks nobody.

use sops_core::keys::{Found, KeyError, Location, Place, Reason};

use super::{
    arn::is_region,
    credentials::{Keys, Source},
    profile::{self, Section, Shared},
};
use crate::Environment;

/// How often profiles may refer to one another.
const DEPTH: usize = 8;

/// The link-local address of EC2's metadata server.
const METADATA: &str = "http://169.254.169.254";
const METADATA_V6: &str = "http://[fd00:ec2::254]";

/// Where ECS serves a task's credentials.
const ECS: &str = "http://169.254.170.2";

/// Hosts that may be asked over plain HTTP for a container's credentials,
/// besides this machine itself: of ECS and of EKS.
const CONTAINER_HOSTS: [&str; 3] = ["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"];

pub(crate) struct Chain<'a> {
    env: &'a Environment,
    shared: Option<Shared>,
    /// Where it looked, and what it found.
    pub(crate) places: Vec<Place>,
}

impl<'a> Chain<'a> {
    pub(crate) fn new(env: &'a Environment) -> Self {
        Chain {
            env,
            shared: None,
            places: Vec::new(),
        }
    }

    /// The source of the credentials for a key that names this profile, or
    /// none.
    pub(crate) fn source(&mut self, asked: Option<&str>) -> Result<Source, KeyError> {
        if let Some(name) = self.env.profile(asked) {
            return self.profile(name, true, &mut Vec::new());
        }
        if let Some(keys) = self.variables() {
            return Ok(keys);
        }
        if let Some(source) = self.web_identity()? {
            return Ok(source);
        }
        match self.named_profile() {
            Some(name) => self.profile(&name, true, &mut Vec::new()),
            None => self.profile("default", false, &mut Vec::new()),
        }
    }

    /// Of a profile's settings, those that say where services are.
    pub(crate) fn endpoint(&mut self, asked: Option<&str>, service: &str) -> Option<String> {
        let name = asked.map_or_else(|| self.usual_profile(), str::to_owned);
        let shared = self.shared().ok()?;
        shared.endpoint(shared.profile(&name)?, service)
    }

    /// The region for what names none itself.
    pub(crate) fn region(&mut self) -> Option<String> {
        let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"];
        if let Some(region) = variables.iter().find_map(|name| self.env.var(name)) {
            return Some(region);
        }
        let name = self.usual_profile();
        setting(self.shared().ok()?.profile(&name)?, "region")
    }

    fn usual_profile(&self) -> String {
        let named = self.named_profile();
        named.unwrap_or_else(|| "default".into())
    }

    fn named_profile(&self) -> Option<String> {
        let variables = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
        variables.iter().find_map(|name| self.env.var(name))
    }

    fn shared(&mut self) -> Result<&Shared, KeyError> {
        if self.shared.is_none() {
            self.shared = Some(Shared::read(self.env)?);
        }
        self.shared.as_ref().ok_or_else(KeyError::not_ours)
    }

    fn note(&mut self, location: Location, found: Found) {
        self.places.push(Place::new(location, found));
    }

    fn note_variable(&mut self, variable: &'static str, found: Found) {
        let variable = variable.into();
        self.note(Location::Variable { variable }, found);
    }

    fn note_other(&mut self, name: &str, found: Found) {
        self.note(Location::Other { name: name.into() }, found);
    }

    fn variables(&mut self) -> Option<Source> {
        let id = self
            .env
            .var("AWS_ACCESS_KEY_ID")
            .or_else(|| self.env.var("AWS_ACCESS_KEY"));
        let secret = self.env.secret_var("AWS_SECRET_ACCESS_KEY");
        let secret = secret.or_else(|| self.env.secret_var("AWS_SECRET_KEY"));
        match (id, secret) {
            (Some(id), Some(secret)) => {
                self.note_variable("AWS_ACCESS_KEY_ID", usable("an access key"));
                let token = self.env.secret_var("AWS_SESSION_TOKEN");
                let token = token.as_ref().map(|token| token.as_str());
                Some(Source::Given {
                    keys: Keys::new(&id, &secret, token),
                    from: format!(
                        "the access key in {}",
                        self.env.name_of("AWS_ACCESS_KEY_ID")
                    ),
                })
            }
            (None, _) => {
                self.note_variable("AWS_ACCESS_KEY_ID", Found::NotSet);
                None
            }
            (Some(_), None) => {
                let why = "AWS_SECRET_ACCESS_KEY is not set";
                self.note_variable("AWS_ACCESS_KEY_ID", unusable(why));
                None
            }
        }
    }

    fn web_identity(&mut self) -> Result<Option<Source>, KeyError> {
        const FILE: &str = "AWS_WEB_IDENTITY_TOKEN_FILE";
        let Some(token) = self.env.path_var(FILE) else {
            self.note_variable(FILE, Found::NotSet);
            return Ok(None);
        };
        let Some(role) = self.env.var("AWS_ROLE_ARN") else {
            let why = "AWS_ROLE_ARN is not set";
            self.note_variable(FILE, unusable(why));
            return Err(missing(format!("{FILE} is set, but {why}")));
        };
        self.note_variable(FILE, usable(format!("a token for role {role}")));
        Ok(Some(Source::WebIdentity {
            token,
            role,
            session: self.env.var("AWS_ROLE_SESSION_NAME"),
            from: FILE.into(),
        }))
    }

    fn profile(
        &mut self,
        name: &str,
        must_be: bool,
        visited: &mut Vec<String>,
    ) -> Result<Source, KeyError> {
        let profile = self.shared()?.profile(name).cloned();
        let location = format!("profile {name} of the shared AWS configuration");
        let Some(profile) = profile else {
            if must_be {
                self.note_other(&location, unusable("there is no such profile"));
                return Err(
                    missing(format!("there is no profile {name}{}", self.files())).advise(format!(
                        "add the profile {name}{}, or name the file with AWS_CONFIG_FILE",
                        self.files()
                    )),
                );
            }
            self.note_other(&location, unusable("not there"));
            return self.rest();
        };
        // A profile that names itself is about its own keys the second time.
        let again = visited.last().is_some_and(|last| last == name);
        let round = visited.iter().any(|other| other == name) && !again;
        visited.push(name.into());
        if round || visited.len() > DEPTH {
            return Err(
                missing(format!("profile {name} leads round in a circle")).advise(
                    "see source_profile of the profiles: the last one has keys of its own, or a \
                     credential_source",
                ),
            );
        }
        let get = |key: &str| setting(&profile, key);
        let role = get("role_arn").filter(|_| !again);
        let base = if let Some(source) = get("source_profile").filter(|_| !again) {
            self.profile(&source, true, visited)?
        } else if let (Some(id), Some(secret)) = (
            get("aws_access_key_id"),
            profile.get("aws_secret_access_key"),
        ) {
            let token = profile.get("aws_session_token").map(|token| token.as_str());
            self.note_other(&location, usable("an access key"));
            Source::Given {
                keys: Keys::new(&id, secret, token),
                from: format!("the access key in profile {name}"),
            }
        } else if let Some(kind) = get("credential_source") {
            self.credential_source(&kind, &location)?
        } else if let Some(token) = get("web_identity_token_file") {
            let role = role.ok_or_else(|| {
                missing(format!(
                    "profile {name} has a web_identity_token_file and no role_arn"
                ))
            })?;
            self.note_other(&location, usable(format!("a token for role {role}")));
            return Ok(Source::WebIdentity {
                token: token.into(),
                role,
                session: get("role_session_name"),
                from: format!("profile {name}"),
            });
        } else if get("sso_session")
            .or_else(|| get("sso_start_url"))
            .is_some()
        {
            self.sso(name, &profile, &location)?
        } else if get("login_session").is_some() {
            self.note_other(&location, unusable("a login session"));
            return Err(missing(format!("profile {name} has a login session"))
                .advise("use `aws configure export-credentials`, or a profile of another sort"));
        } else if let Some(command) = get("credential_process") {
            self.process(name, command, &location)?
        } else {
            self.note_other(&location, unusable("no credentials in it"));
            self.rest()?
        };
        let Some(role) = role else { return Ok(base) };
        if get("mfa_serial").is_some() {
            self.note_other(&location, unusable("it wants a code of a second factor"));
            return Err(missing(format!("profile {name} wants a code of a second factor"))
                .advise(format!(
                    "run `eval \"$(aws configure export-credentials --profile {name} --format env)\"` first"
                )));
        }
        self.note_other(&location, usable(format!("role {role}")));
        Ok(Source::Role {
            base: Box::new(base),
            role,
            session: get("role_session_name"),
            external_id: get("external_id"),
            duration: get("duration_seconds"),
        })
    }

    fn credential_source(&mut self, kind: &str, location: &str) -> Result<Source, KeyError> {
        match kind {
            "Environment" => self
                .variables()
                .ok_or_else(|| missing("AWS_ACCESS_KEY_ID is not set, which the profile names")),
            "Ec2InstanceMetadata" => self.instance(),
            "EcsContainer" => self
                .container()?
                .ok_or_else(|| missing("this is no container with credentials of its own")),
            _ => {
                let why = "its credential_source is of an unknown kind";
                self.note_other(location, unusable(why));
                Err(missing(format!("{location}: {why}")))
            }
        }
    }

    fn sso(&mut self, name: &str, profile: &Section, location: &str) -> Result<Source, KeyError> {
        let bad = |what: &str| missing(format!("profile {name} has no {what}"));
        let session_name = setting(profile, "sso_session");
        let session = match &session_name {
            None => None,
            Some(session) => {
                let found = self.shared()?.session(session).cloned();
                Some(found.ok_or_else(|| bad(&format!("sso-session {session}")))?)
            }
        };
        let of = |key: &str| {
            let session = session.as_ref().and_then(|session| setting(session, key));
            session
                .or_else(|| setting(profile, key))
                .ok_or_else(|| bad(key))
        };
        let (region, start) = (of("sso_region")?, of("sso_start_url")?);
        if !is_region(&region) {
            return Err(missing(format!(
                "profile {name}: sso_region is not a region"
            )));
        }
        let role = of("sso_role_name")?;
        self.note_other(location, usable(format!("SSO role {role}")));
        Ok(Source::Sso {
            profile: name.into(),
            cached_as: session_name.unwrap_or(start),
            region,
            account: of("sso_account_id")?,
            role,
        })
    }

    fn process(&mut self, name: &str, command: String, location: &str) -> Result<Source, KeyError> {
        if !self.env.policy().programs() {
            self.note_other(location, Found::NotAllowed);
            return Err(KeyError::new(
                Reason::Refused,
                format!("profile {name} has a credential_process, and programs are not run here"),
            )
            .advise(
                "use credentials of another sort: a role of the service account, for example",
            ));
        }
        self.note_other(location, usable("a credential_process"));
        Ok(Source::Process {
            profile: name.into(),
            command,
        })
    }

    /// Where no profile has credentials.
    fn rest(&mut self) -> Result<Source, KeyError> {
        match self.container()? {
            Some(source) => Ok(source),
            None => self.instance(),
        }
    }

    fn container(&mut self) -> Result<Option<Source>, KeyError> {
        const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        if let Some(path) = self.env.var(RELATIVE) {
            self.note_variable(RELATIVE, usable("the container's role"));
            let slash = if path.starts_with('/') { "" } else { "/" };
            return Ok(Some(Source::Container {
                url: format!("{ECS}{slash}{path}"),
                from: RELATIVE,
            }));
        }
        let Some(url) = self.env.var(FULL) else {
            self.note_variable(FULL, Found::NotSet);
            return Ok(None);
        };
        if !may_serve_container(&url) {
            let why = "neither https nor an address of this machine, of ECS or of EKS";
            self.note_variable(FULL, unusable(why));
            return Err(KeyError::new(Reason::Refused, format!("{FULL}: {why}"))
                .advise(format!("set {FULL} to an https address")));
        }
        self.note_variable(FULL, usable("the container's role"));
        Ok(Some(Source::Container { url, from: FULL }))
    }

    fn instance(&mut self) -> Result<Source, KeyError> {
        const NAME: &str = "instance metadata";
        if self.env.flag("AWS_EC2_METADATA_DISABLED") {
            self.note_other(NAME, unusable("AWS_EC2_METADATA_DISABLED is set"));
            return Err(none());
        }
        let mode = self.env.var("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE");
        let usual = match mode.as_deref() {
            Some(mode) if mode.eq_ignore_ascii_case("ipv6") => METADATA_V6,
            _ => METADATA,
        };
        let endpoint = self.env.var("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        let server = self
            .env
            .metadata_server(endpoint.as_deref().unwrap_or(usual))?;
        self.note_other(NAME, usable("the machine's role, if it has one"));
        Ok(Source::Instance { server })
    }

    /// `in /home/…/config or /home/…/credentials`.
    fn files(&self) -> String {
        let paths = profile::paths(self.env);
        let paths: Vec<_> = paths.iter().filter_map(|(path, _)| path.as_ref()).collect();
        let shown: Vec<_> = paths
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        if shown.is_empty() {
            String::new()
        } else {
            format!(" in {}", shown.join(" or "))
        }
    }
}

/// Plain HTTP is for this machine and two link-local addresses.
fn may_serve_container(url: &str) -> bool {
    let Some(origin) = crate::http::Origin::of(url) else {
        return false;
    };
    let host = origin.host();
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let address = bare.unwrap_or(host).parse::<std::net::IpAddr>();
    origin.is_secure()
        || host == "localhost"
        || address.is_ok_and(|address| address.is_loopback())
        || CONTAINER_HOSTS.contains(&host)
}

fn setting(section: &Section, key: &str) -> Option<String> {
    section.get(key).map(|value| value.as_str().to_owned())
}

fn usable(what: impl Into<String>) -> Found {
    Found::Usable { what: what.into() }
}

fn unusable(why: impl Into<String>) -> Found {
    Found::Unusable { why: why.into() }
}

pub(crate) fn missing(detail: impl AsRef<str>) -> KeyError {
    KeyError::new(Reason::NoCredentials, detail)
}

/// Nothing anywhere.
pub(crate) fn none() -> KeyError {
    missing("").advise(
        "in EKS, annotate the service account with a role (eks.amazonaws.com/role-arn) or \
         associate one with it (Pod Identity); elsewhere set AWS_ACCESS_KEY_ID and \
         AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    )
}

#[cfg(test)]
mod tests;
