//! S3, where `sops publish` puts files (sops-encrypt-and-edit §11).

use sha2::{Digest, Sha256};
use sops_core::keys::{KeyError, Reason};

use super::{
    arn::{domain, is_region},
    chain::Chain,
    client::{Ask, Aws, Wanted},
};
use crate::{
    Environment,
    http::{Request, encode},
    wire::hex,
};

/// Puts objects into buckets of S3.
///
/// Credentials and endpoints are those of [`AwsKms`](crate::AwsKms)
/// (`AWS_ENDPOINT_URL_S3`); the region is that of `AWS_REGION`,
/// `AWS_DEFAULT_REGION`, or the profile.
///
/// ```no_run
/// use sops_kms::{Environment, Policy, S3};
///
/// let s3 = S3::new(Environment::of_process(Policy::default()));
/// s3.put("a-bucket", "prefix/app.yaml", b"a: 1\n")?;
/// # Ok::<(), sops_core::keys::KeyError>(())
/// ```
pub struct S3 {
    env: Environment,
    aws: Aws,
}

impl S3 {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(env: Environment) -> Self {
        S3 {
            aws: Aws::new(&env),
            env,
        }
    }

    /// Puts an object, in the place of one that has this name.
    ///
    /// # Errors
    ///
    /// Where there are no credentials or no region, or S3 does not take it.
    pub fn put(&self, bucket: &str, name: &str, bytes: &[u8]) -> Result<(), KeyError> {
        let region = Chain::new(&self.env).region();
        let region = region.filter(|region| is_region(region)).ok_or_else(|| {
            KeyError::new(Reason::NoCredentials, "no region for S3")
                .advise("set AWS_REGION to the bucket's region")
        })?;
        let url = self.url(&region, bucket, name)?;
        let what = format!("s3://{bucket}/{name}");
        let ask = Ask {
            service: "s3",
            action: "s3:PutObject",
            what: &what,
            plain_path: true,
        };
        let hash = hex(&Sha256::digest(bytes));
        let wanted = Wanted {
            profile: None,
            role: None,
            region,
        };
        self.aws.ask(&wanted, &ask, || {
            Request::put(url.clone())
                .with_header("x-amz-content-sha256", hash.clone())
                .with_body(bytes.to_vec())
        })?;
        Ok(())
    }

    /// As AWS's SDK makes it: the bucket is part of the host's name where it
    /// can be, and of the path where it cannot, or the server is another.
    fn url(&self, region: &str, bucket: &str, name: &str) -> Result<String, KeyError> {
        let invalid = |what: &str| {
            KeyError::new(Reason::Invalid, what)
                .advise("give the bucket's name alone, as in s3_bucket: my-bucket")
        };
        let good = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        if !bucket.bytes().all(good) || !bucket.bytes().any(|b| b.is_ascii_alphanumeric()) {
            return Err(invalid("s3_bucket is not the name of a bucket"));
        }
        let mut parts = name.split('/');
        if name.is_empty() || parts.any(|part| matches!(part, "." | "..")) {
            return Err(invalid("not the name of an object that can be asked for"));
        }
        let name: Vec<String> = name.split('/').map(encode).collect();
        let name = name.join("/");
        if let Some(url) = self.aws.configured_endpoint("s3", None)? {
            return Ok(format!("{url}/{bucket}/{name}"));
        }
        let (fips, dual_stack) = self.aws.variants();
        let fips = if fips { "-fips" } else { "" };
        let dual_stack = if dual_stack { ".dualstack" } else { "" };
        let host = format!("s3{fips}{dual_stack}.{region}.{}", domain(region, false));
        let is_label = bucket
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        Ok(if is_label {
            format!("https://{bucket}.{host}/{name}")
        } else {
            format!("https://{host}/{bucket}/{name}")
        })
    }
}
