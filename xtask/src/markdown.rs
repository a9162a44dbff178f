//! Just enough of Markdown: headings, links and code spans, outside of code blocks.

/// A piece of a page with its line, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// The line.
    pub(crate) line: usize,
    /// The target of a link, or the text of a code span.
    pub(crate) text: String,
}

/// What a page holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Page {
    /// Where links lead.
    pub(crate) links: Vec<Piece>,
    /// What stands between backticks.
    pub(crate) spans: Vec<Piece>,
    /// The anchors of the headings.
    pub(crate) anchors: Vec<String>,
}

/// Reads a page.
pub(crate) fn read(text: &str) -> Page {
    let mut page = Page::default();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (Some(_), _) => {}
            (None, None) => read_line(line, index + 1, &mut page),
        }
    }
    page
}

fn read_line(line: &str, number: usize, page: &mut Page) {
    if line.starts_with('#') {
        page.anchors.push(anchor(line.trim_start_matches('#')));
    }
    let mut prose = String::new();
    for (index, part) in line.split('`').enumerate() {
        if index % 2 == 1 {
            page.spans.push(Piece { line: number, text: part.to_owned() });
        } else {
            prose.push_str(part);
        }
    }
    let mut rest = prose.as_str();
    while let Some(at) = rest.find("](") {
        rest = &rest[at + 2..];
        let Some(end) = rest.find(')') else { break };
        let target = rest[..end].split_whitespace().next().unwrap_or_default();
        page.links.push(Piece { line: number, text: target.trim_matches(['<', '>']).to_owned() });
    }
}

/// Makes the anchor of a heading, as forges do.
pub(crate) fn anchor(heading: &str) -> String {
    heading
        .trim()
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_outside_of_code() {
        let page = read("# A `b` c\nsee [one](a.md#x \"t\") and `[no](b.md)`\n```\n[no](c.md)\n```\n[two](../d.md)\n");
        let links: Vec<_> = page.links.iter().map(|link| (link.line, link.text.as_str())).collect();
        assert_eq!(links, [(2, "a.md#x"), (6, "../d.md")]);
        assert_eq!(page.anchors, ["a-b-c"]);
        assert_eq!(page.spans[1].text, "[no](b.md)");
    }

    #[test]
    fn anchors_are_those_of_forges() {
        assert_eq!(anchor(" What happens when: `a`?"), "what-happens-when-a");
    }
}
