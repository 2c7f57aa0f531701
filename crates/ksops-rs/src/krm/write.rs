//! Writing a ResourceList as kyaml does.

use std::fmt;

use go_yaml::{
    Comments,
    emit::{Emitter, Profile, Start},
};
use zeroize::Zeroizing;

use super::{Resource, ResourceList};
use crate::{Error, Result};

impl ResourceList<'_> {
    /// The list with these items, sorted, and with this error among its
    /// results, in about `capacity` bytes. What else the input had is kept, but for fields that a
    /// ResourceList does not have.
    pub(super) fn write(
        &self,
        items: Vec<Resource<'_>>,
        error: Option<&Error>,
        capacity: usize,
    ) -> Result<Zeroizing<String>> {
        let mut items: Vec<_> = items
            .into_iter()
            .map(|item| (item.sort_key(), item))
            .collect();
        items.sort_by(|(a, _), (b, _)| a.cmp(b));
        let items: Vec<_> = items.into_iter().map(|(_, item)| item).collect();
        // A buffer that grows leaves copies of secrets behind.
        let mut out = Zeroizing::new(String::with_capacity(capacity));
        self.write_to(&mut out, &items, error)
            .map_err(|fmt::Error| Error::new("the ResourceList cannot be written as YAML"))?;
        Ok(out)
    }

    fn write_to(
        &self,
        out: &mut String,
        items: &[Resource<'_>],
        error: Option<&Error>,
    ) -> fmt::Result {
        let none = Comments::default();
        let mut yaml = Emitter::new(out, Profile::kyaml());
        yaml.document_start("")?;
        yaml.mapping_start(Start::default())?;
        for text in [
            "apiVersion",
            "config.kubernetes.io/v1",
            "kind",
            "ResourceList",
        ] {
            yaml.string(text, &none)?;
        }
        if !items.is_empty() {
            yaml.string("items", &none)?;
            yaml.sequence_start(Start::default())?;
            for item in items {
                yaml.node(item.document, item.root)?;
            }
            yaml.sequence_end(&none)?;
        }
        if let Some(config) = self.function_config {
            yaml.string("functionConfig", &none)?;
            yaml.node(self.document, config)?;
        }
        if error.is_some() || !self.results.is_empty() {
            yaml.string("results", &none)?;
            yaml.sequence_start(Start::default())?;
            for &result in &self.results {
                yaml.node(self.document, result)?;
            }
            if let Some(error) = error {
                yaml.mapping_start(Start::default())?;
                yaml.string("message", &none)?;
                yaml.string(&error.to_string(), &none)?;
                yaml.string("severity", &none)?;
                yaml.string("error", &none)?;
                yaml.mapping_end(&none)?;
            }
            yaml.sequence_end(&none)?;
        }
        yaml.mapping_end(&none)?;
        yaml.document_end("")
    }
}
