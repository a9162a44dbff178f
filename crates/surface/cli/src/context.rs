//! What every command has at hand: where Andon is, how to write, what the kinds are.

use andon_api::ObjectRef;
use andon_api::object::DEFAULT_NAMESPACE;
use andon_client::{Client, ClientError, Token, segment};
use clap::Args;
use serde_json::Value;

use crate::failure::Failure;
use crate::output::{Format, Output};

/// The options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Where Andon runs.
    #[arg(
        long,
        global = true,
        env = "ANDON_URL",
        hide_env_values = true,
        value_name = "URL",
        default_value = "http://127.0.0.1:4700"
    )]
    pub url: String,
    /// The form of the output; a table where nothing is said.
    #[arg(short, long, global = true, value_enum, value_name = "FORM")]
    pub output: Option<Format>,
}

/// What every command has at hand.
pub(crate) struct Context {
    url: String,
    token: Option<String>,
    pub(crate) output: Output,
}

impl Context {
    pub(crate) fn new(global: &Global, token: Option<String>, output: Output) -> Self {
        let token = token.filter(|token| !token.trim().is_empty());
        Self {
            url: global.url.clone(),
            token,
            output,
        }
    }

    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Makes the client; commands that need no server never call this.
    pub(crate) fn client(&self) -> Result<Client, ClientError> {
        let token = self.token.as_deref().map(Token::parse).transpose()?;
        Client::new(&self.url, token)
    }
}

/// Reads a reference of an argument, with the kind that is meant where none is written.
pub(crate) fn reference(text: &str, default_kind: &str, place: &str) -> Result<ObjectRef, Failure> {
    ObjectRef::parse(text.trim(), Some(default_kind), DEFAULT_NAMESPACE)
        .map_err(|problem| Failure::argument(problem).at(place))
}

/// Reads a reference that tells its kind: in full, or by a name that the system gave, such as `inc-3`.
pub(crate) fn whole_reference(text: &str, place: &str) -> Result<ObjectRef, Failure> {
    const PREFIXES: [(&str, &str); 6] = [
        ("chg-", "change"),
        ("and-", "andon"),
        ("alt-", "alert"),
        ("inc-", "incident"),
        ("coe-", "coe"),
        ("act-", "action"),
    ];
    let short = text
        .trim()
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_lowercase();
    let known = PREFIXES
        .iter()
        .find(|(prefix, _)| short.starts_with(prefix))
        .map(|(_, kind)| *kind);
    ObjectRef::parse(text.trim(), known, DEFAULT_NAMESPACE)
        .map_err(|problem| Failure::argument(problem).at(place))
}

/// Makes the segment of a path that names an object: `inc-3`, `incident:default/inc-3` or `shop/inc-3`.
pub(crate) fn name_segment(text: &str, kind: &str) -> Result<String, Failure> {
    let reference = reference(text, kind, "NAME")?;
    if reference.kind() != kind.to_lowercase() {
        return Err(Failure::usage(format!(
            "`{text}` is of the kind `{}`, and `{}` is wanted.",
            reference.kind(),
            kind.to_lowercase()
        ))
        .at("NAME"));
    }
    Ok(if reference.namespace() == DEFAULT_NAMESPACE {
        segment(reference.name())
    } else {
        segment(&format!("{}/{}", reference.namespace(), reference.name()))
    })
}

/// What was found of a list that may be longer.
pub(crate) struct Listed {
    pub(crate) items: Vec<Value>,
    pub(crate) total: Option<i64>,
    pub(crate) is_cut: bool,
}

/// Reads a list page by page, up to a limit.
pub(crate) async fn list(
    client: &Client,
    path: &str,
    query: &[(&str, String)],
    limit: usize,
) -> Result<Listed, ClientError> {
    const PAGE: usize = 1_000;
    let mut listed = Listed {
        items: Vec::new(),
        total: None,
        is_cut: false,
    };
    let mut cursor: Option<String> = None;
    loop {
        let wanted = (limit - listed.items.len()).min(PAGE);
        let mut call = client
            .get(path)
            .query("limit", wanted)
            .query_some("cursor", cursor.as_deref());
        for (name, value) in query {
            call = call.query(name, value);
        }
        let mut page: Value = call.send().await?;
        listed.total = crate::fields::integer(&page, "/total").or(listed.total);
        cursor = page.get("next").and_then(Value::as_str).map(str::to_owned);
        let Some(Value::Array(items)) = page.get_mut("items").map(Value::take) else {
            let reason = "it has no `items`".to_owned();
            return Err(ClientError::Shape {
                url: client.link(path),
                reason,
            });
        };
        let is_empty = items.is_empty();
        listed.items.extend(items);
        if listed.items.len() >= limit {
            listed.is_cut = cursor.is_some() || listed.items.len() > limit;
            listed.items.truncate(limit);
            return Ok(listed);
        }
        if cursor.is_none() || is_empty {
            return Ok(listed);
        }
    }
}

/// Says that a list was cut, so that nobody takes a part for the whole.
pub(crate) fn remark_cut(output: &Output, listed: &Listed) {
    if listed.is_cut {
        let shown = crate::words::count(i64::try_from(listed.items.len()).unwrap_or(i64::MAX));
        let of = listed.total.map_or_else(
            || "; there are more".to_owned(),
            |total| format!(" of {}", crate::words::count(total)),
        );
        output.remark(&format!("{shown}{of} (raise --limit to see more)"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_named_in_short_or_in_full() {
        let name = |text| name_segment(text, "Incident").unwrap();
        assert_eq!(name("inc-3"), "inc-3");
        assert_eq!(name("Incident:default/INC-3"), "inc-3");
        assert_eq!(name("shop/inc-3"), "shop%2Finc-3");
        assert!(name_segment("change:default/chg-1", "Incident").is_err());
        assert!(name_segment("", "Incident").is_err());
    }

    #[test]
    fn a_name_of_the_system_tells_its_kind() {
        let whole = |text| {
            whole_reference(text, "x")
                .map(|reference| reference.to_string())
                .ok()
        };
        assert_eq!(whole("inc-3").as_deref(), Some("incident:default/inc-3"));
        assert_eq!(whole("shop/CHG-1").as_deref(), Some("change:shop/chg-1"));
        assert_eq!(
            whole("policy:idempotency").as_deref(),
            Some("policy:default/idempotency")
        );
        assert_eq!(whole("idempotency"), None);
    }
}
