//! `textconv`: what git shows of a file in diffs and logs. It never fails:
//! what is not encrypted, or cannot be opened here, is shown as it is.
//!
//! ```text
//! # .gitattributes
//! *.enc.yaml diff=sops
//! # git config diff.sops.textconv "sops-rs textconv"
//! ```

use std::io::Read;

use zeroize::Zeroizing;

use crate::{
    Opening, Result,
    args::Given,
    input::Input,
    session::{Session, cleaned},
};

pub(crate) fn command(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    let file = given.positionals.first().map(|file| cleaned(file));
    let bytes = match &file {
        Some(file) => std::fs::read(session.process.resolve(file)).unwrap_or_default(),
        None => {
            let mut bytes = Vec::new();
            // What was read so far is what there is to be shown.
            let _ = session.process.stdin.read_to_end(&mut bytes);
            bytes
        }
    };
    let bytes = Zeroizing::new(bytes);
    let shown = Input::given(given, file)
        .ok()
        .and_then(|input| plaintext(session, given, &input, &bytes));
    session.process.print(shown.as_deref().unwrap_or(&bytes))
}

fn plaintext(
    session: &mut Session<'_, '_>,
    given: &Given,
    input: &Input,
    bytes: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let document = input.parse(session, bytes).ok()?;
    let opening = Opening::of(given).ok()?;
    let keys = session.keys(&opening).ok()?;
    let style = document.style();
    let document = document.decrypt(&keys.keyring).ok()?;
    document.to_bytes(input.output_format, &style).ok()
}
