//! The ARN of a key, and where it is served.

/// What an ARN says that decides where a request goes. Everything in it was
/// matched whole: a region becomes part of a host's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Arn<'a> {
    pub(crate) region: &'a str,
}

impl<'a> Arn<'a> {
    /// `arn:aws…:kms:REGION:ACCOUNT:key/…` or `…:alias/…`
    /// (sops-master-keys §2).
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else {
            return None;
        };
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let (kind, name) = resource.split_once('/')?;
        let good = arn == "arn"
            && partition.starts_with("aws")
            && partition.chars().all(word)
            && service == "kms"
            && is_region(region)
            && !account.is_empty()
            && account.bytes().all(|b| b.is_ascii_digit())
            && matches!(kind, "key" | "alias")
            && !name.is_empty();
        good.then_some(Arn { region })
    }
}

/// Lower case, digits and hyphens, starting with a letter: `eu-west-1`.
pub(crate) fn is_region(text: &str) -> bool {
    text.len() <= 40
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.ends_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The domain of a region's partition.
pub(super) fn domain(region: &str, dual_stack: bool) -> &'static str {
    let starts = |prefix| region.starts_with(prefix);
    if starts("cn-") {
        if dual_stack {
            "api.amazonwebservices.com.cn"
        } else {
            "amazonaws.com.cn"
        }
    } else if starts("eusc-") {
        if dual_stack {
            "api.amazonwebservices.eu"
        } else {
            "amazonaws.eu"
        }
    } else if starts("us-isob-") {
        "sc2s.sgov.gov"
    } else if starts("us-isof-") || starts("eu-isof-") {
        "csp.hci.ic.gov"
    } else if starts("eu-isoe-") {
        "cloud.adc-e.uk"
    } else if starts("us-iso-") {
        "c2s.ic.gov"
    } else if dual_stack {
        "api.aws"
    } else {
        "amazonaws.com"
    }
}

/// Where a service is, if nobody says otherwise. `region` is one
/// ([`is_region`]).
pub(crate) fn endpoint(service: &str, region: &str, fips: bool, dual_stack: bool) -> String {
    let fips = if fips { "-fips" } else { "" };
    format!(
        "https://{service}{fips}.{region}.{}",
        domain(region, dual_stack)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_matched_whole() {
        let region = |text| Arn::parse(text).map(|arn| arn.region);
        assert_eq!(region("arn:aws:kms:eu-west-1:1:key/x"), Some("eu-west-1"));
        assert_eq!(
            region("arn:aws-cn:kms:cn-north-1:1:alias/a/b"),
            Some("cn-north-1")
        );
        for bad in [
            "",
            "arn:aws:kms:evil.example/:1:key/x",
            "arn:aws:kms:eu-west-1.evil.example:1:key/x",
            "arn:aws:kms:x@evil:1:key/x",
            "arn:aws:kms::1:key/x",
            "arn:aws:kms:-a:1:key/x",
            "arn:aws:s3:eu-west-1:1:key/x",
            "arn:aws:kms:eu-west-1::key/x",
            "arn:aws:kms:eu-west-1:1:key/",
            "arn:aws:kms:eu-west-1:1:grant/x",
            "arn:aws:kms:a:b:1:key/x",
            "arn:gcp:kms:eu-west-1:1:key/x",
            "arn:aws:kms:EU-WEST-1:1:key/x",
        ] {
            assert_eq!(region(bad), None, "{bad}");
        }
    }

    #[test]
    fn endpoints() {
        let at = |region| endpoint("kms", region, false, false);
        assert_eq!(at("eu-west-1"), "https://kms.eu-west-1.amazonaws.com");
        assert_eq!(at("cn-north-1"), "https://kms.cn-north-1.amazonaws.com.cn");
        assert_eq!(
            at("us-gov-west-1"),
            "https://kms.us-gov-west-1.amazonaws.com"
        );
        assert_eq!(at("us-iso-east-1"), "https://kms.us-iso-east-1.c2s.ic.gov");
        assert_eq!(
            at("us-isob-east-1"),
            "https://kms.us-isob-east-1.sc2s.sgov.gov"
        );
        assert_eq!(
            endpoint("sts", "us-east-1", true, false),
            "https://sts-fips.us-east-1.amazonaws.com"
        );
        assert_eq!(
            endpoint("kms", "us-east-1", false, true),
            "https://kms.us-east-1.api.aws"
        );
    }
}
