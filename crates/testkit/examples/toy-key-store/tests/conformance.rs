//! The suite that every key service of sops-core must pass.

use std::sync::Arc;

use sops_core::keys::Recipient;
use testkit::key_service::Conformance;
use toy_key_store::{Store, ToyService};

#[test]
fn it_is_a_key_service() {
    let drawers: [(&str, &[&str]); 1] = [("prod", &["ann"])];
    let store = Arc::new(Store::new("https://store.example.org", &drawers));
    Conformance::new(Recipient::vault("https://store.example.org", "toy", "prod"))
        .check(|| ToyService::new(Arc::clone(&store), "ann"));
}
