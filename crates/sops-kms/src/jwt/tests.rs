use rustls::crypto::ring::default_provider;

use super::*;

const PEM: &[u8] = include_bytes!("../../../../testdata/clouds/rsa.pem");
const PUBLIC: &[u8] = include_bytes!("../../../../testdata/clouds/rsa.der");

fn parts(token: &str) -> (&str, Vec<u8>, Vec<u8>, Vec<u8>) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = signed.split_once('.').unwrap();
    let decode = |text| BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
    (signed, decode(header), decode(claims), decode(signature))
}

#[test]
fn as_openssl_signs() {
    let theirs = include_str!("../../../../testdata/clouds/rs256.jwt");
    let (_, header, claims, _) = parts(theirs);
    let key = Key::from_pem(PEM).unwrap();
    let ours = key.sign(Algorithm::Rs256, &header, &claims).unwrap();
    assert_eq!(ours.as_str(), theirs);
}

#[test]
fn pss_is_verified_by_somebody_else() {
    let key = Key::from_pem(PEM).unwrap();
    let token = key.sign(Algorithm::Ps256, b"{}", b"{\"a\":1}").unwrap();
    let (signed, header, claims, signature) = parts(&token);
    assert_eq!((&*header, &*claims), (&b"{}"[..], &b"{\"a\":1}"[..]));
    let algorithms = default_provider().signature_verification_algorithms;
    let (_, pss) = algorithms
        .mapping
        .iter()
        .find(|(scheme, _)| *scheme == SignatureScheme::RSA_PSS_SHA256)
        .unwrap();
    pss[0]
        .verify_signature(PUBLIC, signed.as_bytes(), &signature)
        .unwrap();
    // And not of something else.
    assert!(
        pss[0]
            .verify_signature(PUBLIC, b"else", &signature)
            .is_err()
    );
}

#[test]
fn what_is_no_key_of_rsa() {
    assert!(Key::from_pem(b"").is_none());
    assert!(
        Key::from_pem(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----").is_none()
    );
    // One of an elliptic curve.
    let key = Key::from_pem(include_bytes!("../../../../testdata/tls/server.key")).unwrap();
    assert!(key.sign(Algorithm::Rs256, b"{}", b"{}").is_none());
}
