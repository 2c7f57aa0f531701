//! What the plugin reads, and the Secrets that it writes.

use go_yaml::Limits;
use ksops_rs::{
    env_file,
    generate::{Part, Rendered},
    generator::{Generator, SecretSource},
    krm,
    secret::Secret,
};
use sops_core::{Document, Format, tree::Value};

use super::show;

/// A generator manifest.
pub fn generator(data: &[u8]) {
    if let Ok(generator) = Generator::parse("fuzz", data) {
        for source in &generator.secrets {
            let _ = Secret::named(source).to_yaml();
        }
    }
}

/// A ResourceList, whose generators yield the input itself.
pub fn resource_list(data: &[u8]) {
    let answer = krm::answer(data, &mut |name, document, item| {
        let generator = Generator::from_node(name, document, item)?;
        let part = |text: &[u8], is_secret| Part {
            origin: name.to_owned(),
            text: std::sync::Arc::new(text.to_vec().into()),
            is_secret,
        };
        let mut parts = vec![part(data, false)];
        for source in &generator.secrets {
            parts.push(part(Secret::named(source).to_yaml()?.as_bytes(), true));
        }
        Ok(Rendered {
            parts,
            warnings: generator.warnings,
        })
    });
    if let Ok(answer) = answer {
        let documents = go_yaml::parse(&answer.text, &Limits::default());
        let documents = documents.expect("the answer is YAML");
        assert_eq!(documents.len(), 1);
    }
}

/// An env file.
pub fn env_file(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(file) = env_file::parse(text)
    {
        for statement in &file.statements {
            assert!(file.variables.contains_key(&*statement.name));
        }
    }
}

/// A text in a Secret, and a key.
pub fn secret(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for (key, value) in [("key", text), (text, "value")] {
        // No key of a Secret in Kubernetes: as it is printed it reads as a merge.
        if key == "<<" {
            continue;
        }
        let source = SecretSource {
            name: "secret".into(),
            ..SecretSource::default()
        };
        let mut secret = Secret::named(&source);
        secret.add_text(key.to_owned(), value.to_owned().into());
        secret.add_bytes(key.to_owned(), value.as_bytes());
        let Ok(yaml) = secret.to_yaml() else {
            continue;
        };
        let read = Document::parse_plain(yaml.as_bytes(), Format::Yaml);
        let read = read.unwrap_or_else(|error| panic!("{error}:\n{}", show(yaml.as_bytes())));
        let found = read.tree()[0].get("stringData").and_then(Value::as_mapping);
        let found = found.and_then(|data| data.get(key)).and_then(Value::as_str);
        assert!(found == Some(value), "{}", show(yaml.as_bytes()));
    }
}
