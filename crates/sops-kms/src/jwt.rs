//! JSON Web Tokens, signed with RSA (RFC 7515, RFC 7518 §3.3 and §3.5).

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rustls::{
    SignatureScheme,
    crypto::ring::sign,
    pki_types::{PrivateKeyDer, pem::PemObject},
    sign::SigningKey,
};
use zeroize::Zeroizing;

/// How a token is signed.
#[derive(Clone, Copy)]
pub(crate) enum Algorithm {
    /// PKCS #1 v1.5 with SHA-256.
    #[cfg_attr(not(feature = "gcp"), allow(dead_code))]
    Rs256,
    /// PSS with SHA-256.
    #[cfg_attr(not(feature = "azure"), allow(dead_code))]
    Ps256,
}

/// A private key that signs tokens.
pub(crate) struct Key(Arc<dyn SigningKey>);

impl Key {
    /// A key of RSA in PEM, with 2048 bits or more.
    pub(crate) fn from_pem(pem: &[u8]) -> Option<Self> {
        let der = PrivateKeyDer::from_pem_slice(pem).ok()?;
        sign::any_supported_type(&der).ok().map(Key)
    }

    /// The token: two texts of JSON, signed. `None` where the key is not one
    /// of RSA.
    pub(crate) fn sign(
        &self,
        algorithm: Algorithm,
        header: &[u8],
        claims: &[u8],
    ) -> Option<Zeroizing<String>> {
        let scheme = match algorithm {
            Algorithm::Rs256 => SignatureScheme::RSA_PKCS1_SHA256,
            Algorithm::Ps256 => SignatureScheme::RSA_PSS_SHA256,
        };
        let signer = self.0.choose_scheme(&[scheme])?;
        let encode = |bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = signer.sign(signed.as_bytes()).ok()?;
        Some(Zeroizing::new(format!(
            "{signed}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(signature)
        )))
    }
}

/// Now, and so much later, in seconds since 1970.
pub(crate) fn from_now(duration: Duration) -> (u64, u64) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = now.map_or(0, |now| now.as_secs());
    (now, now + duration.as_secs())
}

#[cfg(test)]
mod tests;
