//! Google Cloud Storage, where `sops publish` puts files
//! (sops-encrypt-and-edit §11).

use sops_core::keys::{KeyError, Reason};

use super::{Gcp, UNIVERSE_VARIABLE, credentials::Source, not_accepted, resource::is_name};
use crate::{
    Environment,
    http::{Answer, Origin, Request, encode},
    refusal::refused,
};

/// Where an emulator is: it is asked without a token, as by Google's own
/// libraries.
const EMULATOR: &str = "STORAGE_EMULATOR_HOST";

/// Puts objects into buckets of Google Cloud Storage.
///
/// Credentials are those of [`GcpKms`](crate::GcpKms).
///
/// ```no_run
/// use sops_kms::{CloudStorage, Environment, Policy};
///
/// let storage = CloudStorage::new(Environment::of_process(Policy::default()));
/// storage.put("a-bucket", "prefix/app.yaml", b"a: 1\n")?;
/// # Ok::<(), sops_core::keys::KeyError>(())
/// ```
pub struct CloudStorage(Gcp);

impl CloudStorage {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        CloudStorage(Gcp::new(&env))
    }

    /// Puts an object, in the place of one that has this name.
    ///
    /// # Errors
    ///
    /// Where there are no credentials, or Google does not take it.
    pub fn put(&self, bucket: &str, name: &str, bytes: &[u8]) -> Result<(), KeyError> {
        let gcp = &self.0;
        if !is_name(bucket, b"-_.") {
            let detail = "gcs_bucket is not the name of a bucket";
            return Err(KeyError::new(Reason::Invalid, detail)
                .advise("give the bucket's name alone, as in gcs_bucket: my-bucket"));
        }
        let request = |server: &str| {
            let (bucket, name) = (encode(bucket), encode(name));
            Request::post(format!(
                "{server}/upload/storage/v1/b/{bucket}/o?uploadType=media&name={name}"
            ))
            .with_header("content-type", "application/octet-stream")
            .with_body(bytes.to_vec())
        };
        let what = format!("gcs://{bucket}/{name}");
        if let Some(server) = self.emulator()? {
            let answer = gcp.client.send(&request(&server))?;
            return match answer.is_success() {
                true => Ok(()),
                false => Err(refusal(&answer, &what, "the emulator")),
            };
        }
        let credentials = gcp.credentials()?;
        let domain = gcp.universe(&credentials, &[UNIVERSE_VARIABLE])?;
        let server = format!("https://storage.{domain}");
        let refuse = |answer: &Answer, who: &Source| refusal(answer, &what, &who.to_string());
        gcp.ask(&credentials, || request(&server), refuse)?;
        Ok(())
    }

    fn emulator(&self) -> Result<Option<String>, KeyError> {
        let Some(host) = self.0.env.var(EMULATOR) else {
            return Ok(None);
        };
        let server = match host.contains("://") {
            true => host,
            false => format!("http://{host}"),
        };
        if Origin::of(&server).is_none() {
            return Err(self
                .0
                .env
                .unusable(EMULATOR, "a host, or an http or https address"));
        }
        Ok(Some(server.trim_end_matches('/').to_owned()))
    }
}

fn refusal(answer: &Answer, what: &str, who: &str) -> KeyError {
    let of = |reason, detail: String| refused(answer, reason, &detail);
    match answer.status() {
        401 => not_accepted(answer, who),
        403 => of(
            Reason::Denied,
            format!("storage.objects.create is not allowed for {who} on {what}"),
        )
        .advise(format!(
            "grant roles/storage.objectUser on the bucket to {who}"
        )),
        404 => of(Reason::NotFound, what.to_owned()).advise("check the bucket's name"),
        _ => of(Reason::Unavailable, format!("{what} was not written")),
    }
}
