//! Asks the machine for keys, and IAM for the project of a region.

use serde::Deserialize;
use sops_core::keys::{KeyError, Reason};

use super::{
    Huawei,
    credentials::{Keys, Source, none},
};
use crate::{
    environment::MetadataServer,
    http::{Request, encode},
    kept::Fresh,
    refusal::{refused, unreadable},
    time,
    wire::Text,
};

/// Where projects are looked up, unless a variable says it.
const IAM: &str = "https://iam.myhuaweicloud.com";

impl Huawei {
    /// The keys of the machine's agency.
    pub(super) fn machine(&self, server: &MetadataServer) -> Result<Fresh<Keys>, KeyError> {
        #[derive(Deserialize)]
        struct Answered<'a> {
            #[serde(borrow)]
            credential: Credential<'a>,
        }
        #[derive(Deserialize)]
        struct Credential<'a> {
            #[serde(borrow)]
            access: Text<'a>,
            #[serde(borrow)]
            secret: Text<'a>,
            #[serde(borrow)]
            securitytoken: Text<'a>,
            expires_at: Option<String>,
        }
        let token = Request::put(format!("{}/meta-data/latest/api/token", server.url()))
            .with_header("x-metadata-token-ttl-seconds", "21600");
        // Nobody there: this is no machine of Huawei's.
        let token = self.metadata.send(&token);
        let token = token.map_err(|failure| failure.or_absent(none()))?;
        let mut request = Request::get(format!("{}/openstack/latest/securitykey", server.url()));
        // Older machines have no such tokens.
        if token.status() == 200 {
            let token = std::str::from_utf8(token.body()).map_err(|_| none())?;
            request = request.with_header("x-metadata-token", token.trim());
        }
        let answer = self.metadata.send(&request).map_err(|_| none())?;
        if !answer.is_success() {
            return Err(none());
        }
        let answered = answer.json::<Answered<'_>>().ok_or_else(none)?.credential;
        Ok(Fresh {
            until: answered.expires_at.as_deref().and_then(time::rfc3339),
            value: Keys {
                id: answered.access.as_str().to_owned(),
                secret: answered.secret.to_owned(),
                token: Some(answered.securitytoken.to_owned()),
            },
        })
    }

    /// The project of a region, by its name.
    pub(super) fn project(&self, source: &Source, region: &str) -> Result<String, KeyError> {
        #[derive(Deserialize)]
        struct Answered {
            projects: Vec<Project>,
        }
        #[derive(Deserialize)]
        struct Project {
            id: String,
        }
        let is_id = |id: &str| {
            !id.is_empty()
                && id.len() <= 64
                && id
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let iam = match source {
            Source::Given {
                project: Some(project),
                ..
            } => {
                if is_id(project) {
                    return Ok(project.clone());
                }
                return Err(KeyError::new(
                    Reason::NoCredentials,
                    "the project that is configured is not the id of one",
                )
                .advise("set HUAWEICLOUD_SDK_PROJECT_ID to the project's id"));
            }
            Source::Given { iam, .. } => iam.clone(),
            Source::Metadata { .. } => self.env.var("HUAWEICLOUD_SDK_IAM_ENDPOINT"),
        };
        let iam = iam.unwrap_or_else(|| IAM.into());
        self.projects.get(&region.to_owned(), || {
            let iam = iam.trim_end_matches('/');
            let url = format!("{iam}/v3/projects?name={}", encode(region));
            let answer = self.signed(&Request::get(url), source)?;
            let what = format!("the project of region {region}");
            if !answer.is_success() {
                let error = refused(&answer, answer.reason(), &format!("{what} is not known"));
                return Err(error.advise("set HUAWEICLOUD_SDK_PROJECT_ID"));
            }
            let answered = answer.json::<Answered>();
            let answered = answered.ok_or_else(|| unreadable(&what))?;
            let mut ids = answered.projects.into_iter().map(|project| project.id);
            let value = ids.find(|id| is_id(id)).ok_or_else(|| {
                KeyError::new(Reason::NotFound, format!("there is no project in {region}"))
                    .advise("set HUAWEICLOUD_SDK_PROJECT_ID")
            })?;
            Ok(Fresh { value, until: None })
        })
    }
}
