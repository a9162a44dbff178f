//! The page behind a page's link: what hurts, since when, what is suspected, and a button.
//!
//! Plain HTML without a script, readable on a phone at night. Opening it acknowledges nothing: mail
//! scanners open every link.

use andon_api::error::{ErrorCode, Problem};
use andon_api::event::Actor;
use andon_api::kinds::response::AlertState;
use andon_module::{Call, Endpoint, Reply, World};
use andon_objects::Priority;
use http::StatusCode;

use super::alerts::answer;
use crate::alerts::Authority;
use crate::escalation::Command;
use crate::link;
use crate::message::{Content, content, escape};
use crate::pager::ReadFacts;
use crate::table::LinkRow;
use crate::typed::{AlertObject, Typed};
use crate::words::person;

/// The rule by which a link's person may acknowledge.
const RULE: &str = "whoever-was-paged-may-acknowledge";

/// Lists the endpoints of page links.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::get("/p/{token}", "show_page_link")
            .open()
            .hidden()
            .summary("Shows the alert of a page's link; acknowledges nothing.")
            .handle(|world, call| Box::pin(show(world, call))),
        Endpoint::post("/p/{token}/acknowledge", "acknowledge_page_link")
            .open()
            .hidden()
            .event("alert.acknowledged")
            .summary("Acknowledges the alert of a page's link for the person who was paged.")
            .body_max_bytes(1_024)
            .handle(|world, call| Box::pin(acknowledge(world, call))),
    ]
}

async fn show(world: World, call: Call) -> Result<Reply, Problem> {
    let secret = call.path("token").to_owned();
    match link::open(&world, &secret).await {
        Ok(link) => show_alert(&world, &secret, &link).await,
        Err(problem) if problem.is(ErrorCode::PageLinkInvalid) => {
            let page = frame(
                "Andon",
                &format!(
                    "<h1>{}</h1><p>{}</p>",
                    escape(&problem.detail),
                    escape(problem.hint.as_deref().unwrap_or_default())
                ),
            );
            Ok(private(Reply::bytes(StatusCode::NOT_FOUND, "text/html; charset=utf-8", page)))
        }
        Err(problem) => Err(problem),
    }
}

async fn show_alert(world: &World, secret: &str, link: &LinkRow) -> Result<Reply, Problem> {
    let alert: AlertObject = Typed::read(world.store.require(&link.alert).await?)?;
    let read = ReadFacts::read(world, &alert).await?;
    let address = world.link(&format!("/p/{secret}"));
    let content = content(&read.facts(&alert, &address, &world.settings.public_url));
    let body = format!("{}{}", summary(&content), answer_part(&alert, secret, link));
    Ok(private(Reply::html(frame(&content.subject, &body))))
}

/// The address is a secret: it is neither kept by caches nor told to other sites.
fn private(reply: Reply) -> Reply {
    reply
        .with_header("referrer-policy", "same-origin".to_owned())
        .with_header("x-robots-tag", "noindex".to_owned())
        .with_header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'".to_owned(),
        )
}

async fn acknowledge(world: World, call: Call) -> Result<Reply, Problem> {
    let secret = call.path("token").to_owned();
    let link = link::open(&world, &secret).await?;
    let by = link.user.to_string();
    let actor = Actor { principal: by.clone(), on_behalf_of: None, origin: call.caller.actor.origin.clone() };
    let authority = Authority { actor, rules: vec![RULE.to_owned()] };
    let command = Command::Acknowledge { by };
    let answered =
        world.store.write(Priority::Page, move |tx| Box::pin(answer(tx, link.alert, command, authority))).await;
    match answered {
        // Whoever comes too late sees on the page that it is over.
        Err(problem) if !problem.is(ErrorCode::AlertState) => Err(problem),
        _ => Ok(Reply::redirect(format!("/p/{secret}"))),
    }
}

fn summary(content: &Content) -> String {
    let mut rows = String::new();
    for line in &content.lines {
        let text = match &line.url {
            Some(url) => format!("<a href=\"{}\" rel=\"noreferrer\">{}</a>", escape(url), escape(&line.text)),
            None => escape(&line.text),
        };
        rows.push_str(&format!("<dt>{}</dt><dd>{text}</dd>", line.label));
    }
    let description = match content.description.as_str() {
        "" => String::new(),
        text => format!("<p class=\"seen\">{}</p>", escape(text)),
    };
    format!(
        "<p class=\"severity\">{}</p><h1>{}</h1>{description}<dl>{rows}</dl>",
        content.severity,
        escape(&content.headline)
    )
}

fn answer_part(alert: &AlertObject, secret: &str, link: &LinkRow) -> String {
    let status = &alert.status;
    match status.state {
        AlertState::Triggered => format!(
            "<form method=\"post\" action=\"/p/{}/acknowledge\"><button type=\"submit\">Acknowledge as {}</button></form>\
             <p class=\"small\">Acknowledging stops the escalation: nobody else is paged.</p>",
            escape(secret),
            escape(&person(&link.user.to_string()))
        ),
        AlertState::Acknowledged => {
            let by = status.acknowledged_by.as_deref().map(person).unwrap_or_default();
            let at = status.acknowledged_at.map(|at| at.strftime("%H:%M:%S UTC").to_string()).unwrap_or_default();
            format!("<p class=\"state ok\" role=\"status\">{} is on it since {at}.</p>", escape(&by))
        }
        AlertState::Resolved => {
            let at = status.resolved_at.map(|at| at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()).unwrap_or_default();
            format!("<p class=\"state ok\" role=\"status\">It is over since {at}.</p>")
        }
    }
}

fn frame(title: &str, body: &str) -> String {
    format!(
        r#"<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{}</title><style>
:root{{color-scheme:light dark;--line:#dee2e6;--dim:#5c636a;--bad:#c92a2a;--ok:#2b8a3e}}
@media (prefers-color-scheme:dark){{:root{{--line:#373a40;--dim:#a6a7ab;--bad:#ff8787;--ok:#69db7c}}}}
body{{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:0 auto;padding:1.2rem 1rem 3rem;overflow-wrap:anywhere}}
h1{{font-size:1.35rem;line-height:1.3;margin:.1rem 0 .8rem}}
.severity{{margin:0;font-weight:700;color:var(--bad);text-transform:uppercase;font-size:.85rem;letter-spacing:.04em}}
.seen{{border-left:4px solid var(--bad);padding:.2rem .8rem;margin:0 0 1rem}}
dl{{margin:0 0 1.4rem;border-top:1px solid var(--line)}}
dt{{color:var(--dim);font-size:.8rem;padding-top:.5rem}}
dd{{margin:0;padding-bottom:.5rem;border-bottom:1px solid var(--line)}}
button{{font:inherit;font-weight:600;width:100%;padding:.9rem;border:0;border-radius:.5rem;background:#c92a2a;color:#fff;cursor:pointer}}
button:focus-visible{{outline:3px solid #4dabf7;outline-offset:2px}}
.state{{border-left:4px solid var(--ok);padding:.4rem .8rem;font-weight:600}}
.small{{color:var(--dim);font-size:.85rem}}
</style></head><body>{body}</body></html>"#,
        escape(title)
    )
}
