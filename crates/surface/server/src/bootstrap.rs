//! The administrator's token of the first start, and keys that are made once.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use andon_api::{Actor, Problem};
use andon_auth::{NewToken, Tokens};
use andon_module::World;
use andon_objects::EventDraft;

/// Writes an administrator's token to a file, unless the one that stands there is still good.
pub(crate) async fn write_token(world: &World, path: &Path) -> Result<(), Problem> {
    let tokens = Tokens::new(world.store.clone());
    if let Ok(text) = std::fs::read_to_string(path)
        && tokens.authenticate(text.trim(), "bootstrap", world.now()).await.is_ok()
    {
        return Ok(());
    }
    let new = NewToken {
        roles: vec!["administrator".to_owned()],
        description: "bootstrap".to_owned(),
        ..NewToken::default()
    };
    let draft = EventDraft::new(Actor::system("bootstrap"), "token.created");
    let (token, _id) = tokens.create(new, draft).await?;
    write_private(path, token.as_bytes()).map_err(|error| cannot_write(path, &error))
}

/// Reads a key, or makes one.
pub(crate) fn kept_key(path: &Path, new_key: impl FnOnce() -> String) -> Result<[u8; 32], Problem> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let text = new_key();
            write_private(path, text.as_bytes()).map_err(|error| cannot_write(path, &error))?;
            text
        }
        Err(error) => return Err(cannot_write(path, &error)),
    };
    let bytes = hex::decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.ok_or_else(|| Problem::internal(format!("{} holds no key", path.display())))
}

/// Writes a file that its owner alone may read; it is whole on disk, or the old one still stands.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    let fresh = path.with_extension("new");
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    std::fs::rename(&fresh, path)
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Problem {
    Problem::new(andon_api::ErrorCode::SystemFault, format!("{} cannot be used: {error}.", path.display()))
}
