//! The kinds that this process knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use andon_api::kind::KindInfo;
use andon_api::{ErrorCode, Problem};

/// The kinds that this process knows, by name without regard to case.
#[derive(Clone, Default)]
pub struct Registry {
    kinds: Arc<BTreeMap<String, KindInfo>>,
}

impl Registry {
    /// Gathers kinds; a later one of the same name replaces an earlier.
    pub fn new(kinds: impl IntoIterator<Item = KindInfo>) -> Self {
        let kinds = kinds.into_iter().map(|kind| (kind.kind.to_lowercase(), kind)).collect();
        Self { kinds: Arc::new(kinds) }
    }

    /// Finds a kind by its name or its plural, without regard to case.
    ///
    /// # Errors
    /// `OBJ-0007` when there is no such kind, with the nearest name as a hint.
    pub fn get(&self, name: &str) -> Result<&KindInfo, Problem> {
        let wanted = name.to_lowercase();
        self.kinds
            .get(&wanted)
            .or_else(|| self.kinds.values().find(|kind| kind.plural == wanted))
            .ok_or_else(|| {
                let names: Vec<_> = self.kinds.values().map(|kind| kind.plural).collect();
                Problem::new(ErrorCode::KindUnknown, format!("There is no kind `{name}`."))
                    .hint(format!("The kinds are: {}.", names.join(", ")))
            })
    }

    /// Lists the kinds by name.
    pub fn all(&self) -> impl Iterator<Item = &KindInfo> {
        self.kinds.values()
    }
}
