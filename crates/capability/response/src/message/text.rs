//! A page as plain text.

use super::content::Content;

/// Writes the page as plain text.
pub(crate) fn text(content: &Content) -> String {
    let mut out = format!("{}\n\n", content.headline);
    if !content.description.is_empty() {
        out.push_str(&content.description);
        out.push_str("\n\n");
    }
    for line in &content.lines {
        out.push_str(&format!("{:<9} {}\n", line.label, line.text));
    }
    out.push_str(&format!("\nLook and acknowledge:\n{}\n", content.link));
    out.push_str("(Opening the link acknowledges nothing; the button there does.)\n");
    out
}
