//! A page as simple HTML: what every mail reader shows, without a script and without anything fetched.

use super::content::Content;

/// Escapes text for HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Writes the page as simple HTML.
pub(crate) fn html(content: &Content) -> String {
    let mut rows = String::new();
    for line in &content.lines {
        let text = match &line.url {
            Some(url) => format!("<a href=\"{}\">{}</a>", escape(url), escape(&line.text)),
            None => escape(&line.text),
        };
        rows.push_str(&format!(
            "<tr><td style=\"padding:2px 12px 2px 0;color:#666;vertical-align:top\">{}</td><td style=\"padding:2px 0\">{text}</td></tr>",
            line.label
        ));
    }
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{subject}</title></head>\
         <body style=\"font:15px/1.5 system-ui,sans-serif\">\
         <p style=\"margin:0;color:#c92a2a;font-weight:600\">{severity}</p>\
         <h1 style=\"font-size:20px;margin:0 0 12px\">{headline}</h1><p>{description}</p>\
         <table style=\"border-collapse:collapse;font-size:14px\">{rows}</table>\
         <p style=\"margin:20px 0\"><a href=\"{link}\" style=\"background:#c92a2a;color:#fff;padding:10px 18px;\
         border-radius:6px;text-decoration:none\">Look and acknowledge</a></p>\
         <p style=\"color:#666;font-size:13px\">Opening the link acknowledges nothing; the button there does.</p></body></html>",
        subject = escape(&content.subject),
        severity = content.severity,
        headline = escape(&content.headline),
        description = escape(&content.description),
        link = escape(&content.link),
    )
}
