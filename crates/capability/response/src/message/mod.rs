//! What a page says, in the words of each channel. Pure.
//!
//! Purpose: one content, four shapes: plain text and simple HTML for mail, JSON for webhooks, and what
//! Slack's incoming webhooks understand. Whoever is woken learns from the first line which service
//! and which symptom; everything else follows in the order in which it helps.

mod content;
mod hook;
mod html;
mod text;

pub(crate) use content::{AndonObject, Content, Facts, content};
pub(crate) use hook::{signature, slack_body, webhook_body};
pub(crate) use html::{escape, html};
pub(crate) use text::text;
