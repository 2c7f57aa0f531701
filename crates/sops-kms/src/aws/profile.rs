//! AWS's shared configuration: `~/.aws/config` and `~/.aws/credentials`.

use std::{collections::BTreeMap, io, path::PathBuf};

use sops_core::keys::{KeyError, Reason};
use zeroize::Zeroizing;

use crate::Environment;

/// The settings of one section: names in lower case. Values may be secrets.
pub(crate) type Section = BTreeMap<String, Zeroizing<String>>;

/// Both files together.
#[derive(Default)]
pub(crate) struct Shared {
    profiles: BTreeMap<String, Section>,
    sessions: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
}

/// The paths of the two files, and whether a variable names them.
pub(crate) fn paths(env: &Environment) -> [(Option<PathBuf>, &'static str); 2] {
    let path = |variable, name| {
        let usual = || Some(env.home()?.join(".aws").join(name));
        (env.path_var(variable).or_else(usual), variable)
    };
    [
        path("AWS_CONFIG_FILE", "config"),
        path("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
    ]
}

impl Shared {
    /// Reads both. A file that is not there is an empty one.
    pub(crate) fn read(env: &Environment) -> Result<Self, KeyError> {
        let mut shared = Shared::default();
        for ((path, _), is_config) in paths(env).into_iter().zip([true, false]) {
            let Some(path) = path else { continue };
            match env.read(&path) {
                Ok(bytes) => shared.add(&String::from_utf8_lossy(&bytes), is_config),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    let detail = format!("{}: {}", path.display(), error.kind());
                    return Err(KeyError::new(Reason::NoCredentials, detail)
                        .advise("mend that file of the shared AWS configuration"));
                }
            }
        }
        Ok(shared)
    }

    /// A profile's settings; those of the credentials file win.
    pub(crate) fn profile(&self, name: &str) -> Option<&Section> {
        self.profiles.get(name)
    }

    /// The settings of an `[sso-session NAME]`.
    pub(crate) fn session(&self, name: &str) -> Option<&Section> {
        self.sessions.get(name)
    }

    /// What a profile says of where services are: for one, or for all.
    pub(crate) fn endpoint(&self, profile: &Section, service: &str) -> Option<String> {
        let services = profile
            .get("services")
            .and_then(|name| self.services.get(name.as_str()));
        let own = services.and_then(|services| services.get(&format!("{service}.endpoint_url")));
        let url = own.or_else(|| profile.get("endpoint_url"))?;
        Some(url.as_str().to_owned())
    }

    fn add(&mut self, text: &str, is_config: bool) {
        let mut section: Option<&mut Section> = None;
        // The setting that indented lines belong to.
        let mut parent = String::new();
        let mut fresh = Vec::new();
        for line in text.lines() {
            let indented = line.starts_with([' ', '\t']);
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                let name = name.split(']').next().unwrap_or_default().trim();
                section = self.section(name, is_config, &mut fresh);
                parent.clear();
                continue;
            }
            let (Some(section), Some((name, value))) =
                (section.as_deref_mut(), line.split_once('='))
            else {
                continue;
            };
            let name = name.trim().to_ascii_lowercase();
            let value = Zeroizing::new(without_comment(value).trim().to_owned());
            if indented && !parent.is_empty() {
                section.insert(format!("{parent}.{name}"), value);
            } else if value.is_empty() {
                parent = name;
            } else {
                parent.clear();
                section.insert(name, value);
            }
        }
    }

    /// The section that a header names; none where it is of another kind.
    fn section(
        &mut self,
        header: &str,
        is_config: bool,
        fresh: &mut Vec<String>,
    ) -> Option<&mut Section> {
        let mut words = header.split_whitespace();
        let (first, second) = (words.next()?, words.next());
        let name = |name: &str| name.trim_matches(['"', '\'']).to_owned();
        match (first, second) {
            ("sso-session", Some(session)) if is_config => {
                Some(self.sessions.entry(name(session)).or_default())
            }
            ("services", Some(services)) if is_config => {
                Some(self.services.entry(name(services)).or_default())
            }
            ("profile", Some(profile)) if is_config => {
                let profile = name(profile);
                // `[profile default]` wins over `[default]`.
                if profile == "default" && !fresh.contains(&profile) {
                    fresh.push(profile.clone());
                    self.profiles.remove(&profile);
                }
                Some(self.profiles.entry(profile).or_default())
            }
            ("default", None) if is_config && !fresh.is_empty() => None,
            (profile, None) if !is_config || profile == "default" => {
                Some(self.profiles.entry(name(profile)).or_default())
            }
            _ => None,
        }
    }
}

/// A comment in a line starts with a blank and a `#` or `;`.
fn without_comment(value: &str) -> &str {
    let starts = [" #", " ;", "\t#", "\t;"];
    let at = starts.iter().filter_map(|start| value.find(start)).min();
    at.map_or(value, |at| &value[..at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_of_both_files() {
        let mut shared = Shared::default();
        let config = "[default]\nregion = eu-west-1\n\
            [profile  a] # comment\nrole_arn=arn:aws:iam::1:role/r ; comment\nsource_profile = b#c\n\
            [a]\nregion = not of a profile\n\
            [sso-session s]\nsso_region = us-east-1\n\
            [services local]\nkms =\n  endpoint_url = http://kms\ns3 =\n  endpoint_url = http://s3\n\
            [profile l]\nservices = local\nendpoint_url = http://all\n\
            # [profile no]\nnonsense\n";
        shared.add(config, true);
        let credentials =
            "[a]\naws_access_key_id = AKID\nAWS_SECRET_ACCESS_KEY = a=b#c\n[profile x]\ny = z\n";
        shared.add(credentials, false);
        let get = |profile: &str, name: &str| {
            let profile = shared.profile(profile)?;
            profile.get(name).map(|value| value.as_str().to_owned())
        };
        assert_eq!(get("default", "region").unwrap(), "eu-west-1");
        assert_eq!(get("a", "role_arn").unwrap(), "arn:aws:iam::1:role/r");
        assert_eq!(get("a", "source_profile").unwrap(), "b#c");
        assert_eq!(get("a", "aws_access_key_id").unwrap(), "AKID");
        assert_eq!(get("a", "aws_secret_access_key").unwrap(), "a=b#c");
        assert_eq!(get("a", "region"), None);
        assert!(shared.profile("no").is_none() && shared.profile("x").is_none());
        assert_eq!(
            shared.session("s").unwrap()["sso_region"].as_str(),
            "us-east-1"
        );
        let local = shared.profile("l").unwrap();
        assert_eq!(shared.endpoint(local, "kms").unwrap(), "http://kms");
        assert_eq!(shared.endpoint(local, "sts").unwrap(), "http://all");
    }

    #[test]
    fn the_default_profile_with_its_long_name_wins() {
        for config in [
            "[default]\na = short\nb = short\n[profile default]\na = long\n",
            "[profile default]\na = long\n[default]\na = short\nb = short\n",
        ] {
            let mut shared = Shared::default();
            shared.add(config, true);
            let profile = shared.profile("default").unwrap();
            assert_eq!(profile["a"].as_str(), "long", "{config}");
            assert!(!profile.contains_key("b"));
        }
    }
}
