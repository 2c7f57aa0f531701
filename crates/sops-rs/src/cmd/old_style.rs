//! Options without a command: `sops -d FILE`, `sops FILE` (sops-cli §5).

use zeroize::Zeroizing;

use super::{decrypt, edit, encrypt, rotate, set};
use crate::{
    Error, Result,
    args::{Given, flag},
    creation, exit,
    input::Input,
    session::Session,
    target::Target,
};

/// Does what the modes among the options say, in the order of sops; without
/// one it edits.
pub(crate) fn run(session: &mut Session<'_, '_>, given: &Given) -> Result<()> {
    session.options.old_style = true;
    if given.positionals.is_empty() {
        return Err(Error::new("no file specified")
            .advise("name a file, or a command: see `sops-rs --help`")
            .with_exit_code(exit::NO_FILE)
            .of_kind("usage"));
    }
    let modes = Modes::of(given);
    if modes.is_only_decrypt() {
        return decrypt::command(session, given);
    }
    let file = session.one_file(given);
    let input = Input::given(given, file.clone())?;
    let count = modes.count();
    if count > 1 {
        session.warn("more than one of --encrypt, --decrypt, --rotate and --set: only the last of them, in this order, counts");
    }
    let in_place = count == 0 || modes.set || given.switch(&flag::IN_PLACE);
    let output = given.text(&flag::OUTPUT).map(std::path::Path::new);
    let target = if count == 0 || modes.set {
        Target::of(in_place, None, file.as_deref())?
    } else {
        Target::of(in_place, output, file.as_deref())?
    };
    let bytes = modes
        .run(session, given, &input)
        .map_err(|error| error.about(input.path()))?;
    if modes.decrypt && !modes.rotate && !modes.set {
        return target.write_plaintext(session, &bytes);
    }
    target.write(session, &bytes)?;
    if !modes.encrypt {
        input.warn_of_format(session, &target);
    }
    Ok(())
}

struct Modes {
    encrypt: bool,
    decrypt: bool,
    rotate: bool,
    set: bool,
}

impl Modes {
    fn of(given: &Given) -> Self {
        Modes {
            encrypt: given.switch(&flag::ENCRYPT),
            decrypt: given.switch(&flag::DECRYPT),
            rotate: given.switch(&flag::ROTATE),
            set: given.text(&flag::SET).is_some(),
        }
    }

    fn count(&self) -> usize {
        [self.encrypt, self.decrypt, self.rotate, self.set]
            .into_iter()
            .filter(|mode| *mode)
            .count()
    }

    fn is_only_decrypt(&self) -> bool {
        self.decrypt && self.count() == 1
    }

    fn run(
        &self,
        session: &mut Session<'_, '_>,
        given: &Given,
        input: &Input,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let mut result = None;
        if self.encrypt {
            if self.count() == 1 {
                return encrypt::encrypted(session, given, input).map(Zeroizing::new);
            }
            // What comes of it is dropped, and so is why nothing came of it:
            // `-e -i --set` is how scripts set a value of an encrypted file.
            encrypt::options(session, given, input)?;
        } else if let Some(file) = &input.file
            && (self.count() == 0 || session.process.resolve(file).exists())
        {
            // For whatever is written the configuration must have a rule.
            let found = session.config()?;
            creation::rule(session, &found, input)?;
        }
        if self.decrypt && !self.rotate && !self.set {
            result = Some(decrypt::plaintext(session, given)?);
        }
        if self.rotate {
            result = Some(Zeroizing::new(rotate::rotated(session, given, input)?));
        }
        if self.set {
            result = Some(Zeroizing::new(set::old_style(session, given, input)?));
        }
        match result {
            Some(bytes) => Ok(bytes),
            None => Ok(Zeroizing::new(edit::edited(session, given, input)?)),
        }
    }
}
