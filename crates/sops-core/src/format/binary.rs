//! Files of any kind: the bytes are one string in a JSON file (sops-format
//! §10.3).

use super::{Style, emit_error};
use crate::{
    Result,
    secret::SecretBuf,
    tree::{Mapping, Value},
};

/// The key that the bytes stand under.
const KEY: &str = "data";

/// The tree that holds these bytes.
pub(crate) fn read(bytes: &[u8]) -> Vec<Mapping> {
    let mut mapping = Mapping::default();
    mapping.push(KEY, Value::String(bytes.into()));
    vec![mapping]
}

/// Writes the bytes that a tree holds.
///
/// # Errors
///
/// [`ErrorKind::Emit`](crate::ErrorKind::Emit) where it holds none.
pub(crate) fn write(tree: &[Mapping], _style: &Style, out: &mut SecretBuf) -> Result<()> {
    const ADVICE: &str = "this is likely no encrypted binary file: give the right type with \
                          --output-type, or the file a name that ends in .yaml, .json, .env or .ini";
    let [document] = tree else {
        return Err(emit_error("a binary file has exactly one document").advise(ADVICE));
    };
    match document.get(KEY) {
        Some(Value::String(text)) => {
            out.push(text.as_bytes());
            Ok(())
        }
        Some(other) => Err(emit_error(format!(
            "{} where a binary file holds a string",
            other.kind()
        ))
        .at_key(KEY)
        .advise(ADVICE)),
        None => Err(emit_error("there is no binary data in the file").advise(ADVICE)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes() {
        let mut out = SecretBuf::default();
        write(&read(b"\0\xFF\r\n"), &Style::default(), &mut out).unwrap();
        assert_eq!(out.as_bytes(), b"\0\xFF\r\n");
    }

    #[test]
    fn other_trees_are_refused() {
        let mut wrong = Mapping::default();
        wrong.push("data", Value::Int(1));
        for tree in [vec![], vec![Mapping::default()], vec![wrong]] {
            assert!(write(&tree, &Style::default(), &mut SecretBuf::default()).is_err());
        }
    }
}
