//! Exceptions that may only shrink: a line per subject with the size it had, never more, never forgotten.

use std::collections::BTreeMap;

use anyhow::{Result, bail};

use crate::finding::Finding;

/// An excused subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Excused {
    /// `file PATH` or `function PATH NAME`.
    pub(crate) subject: String,
    /// The size it may have.
    pub(crate) size: usize,
    /// The line of the exception.
    pub(crate) line: usize,
}

/// Reads lines such as `function crates/a/src/lib.rs name 83`; `#` begins a remark.
pub(crate) fn read(text: &str) -> Result<Vec<Excused>> {
    let mut excused = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match line.rsplit_once(' ').map(|(subject, size)| (subject, size.parse())) {
            Some((subject, Ok(size))) => excused.push(Excused { subject: subject.to_owned(), size, line: index + 1 }),
            _ => bail!("line {} of the exceptions is not `function PATH NAME LINES` or `file PATH LINES`", index + 1),
        }
    }
    Ok(excused)
}

/// What is too large: subject to file, line and size.
type Large = BTreeMap<String, (String, usize, usize)>;

/// Finds what is too large and not excused, and exceptions that are too generous.
pub(crate) fn compare(
    large: &Large,
    excused: &[Excused],
    excused_max: usize,
    file: &str,
    advice: &dyn Fn(&str, usize) -> (String, String),
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (subject, (path, line, size)) in large {
        let allowed = excused.iter().find(|one| one.subject == *subject).map_or(0, |one| one.size);
        if *size > allowed {
            let (what, why) = advice(subject, *size);
            findings.push(Finding::new(path, *line, what, why));
        }
    }
    for one in excused {
        let size = large.get(&one.subject).map_or(0, |(_, _, size)| *size);
        if size == 0 {
            let what = format!("{} needs no exception any more", one.subject);
            findings.push(Finding::new(file, one.line, what, "exceptions may only shrink; remove the line and lower EXCEPTIONS_MAX"));
        } else if size < one.size {
            let what = format!("{} has {size} now, not {}", one.subject, one.size);
            findings.push(Finding::new(file, one.line, what, "exceptions may only shrink; write the smaller number"));
        }
    }
    if excused.len() != excused_max {
        let what = format!("there are {} exceptions, and EXCEPTIONS_MAX says {excused_max}", excused.len());
        findings.push(Finding::new(file, 1, what, "the number in the code goes down with each that is mended, and never up"));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(size: usize, text: &str) -> Vec<String> {
        let large = Large::from([("function a.rs f".to_owned(), ("a.rs".to_owned(), 3, size))]);
        let excused = read(text).unwrap();
        let advice = |subject: &str, size: usize| (format!("{subject} has {size}"), "why".to_owned());
        compare(&large, &excused, excused.len(), "exceptions", &advice).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_exception_holds_for_its_size_and_no_more() {
        assert_eq!(check(83, "function a.rs f 83 # a state machine"), Vec::<String>::new());
        assert_eq!(check(84, "function a.rs f 83"), ["a.rs:3: function a.rs f has 84 (why)"]);
    }

    #[test]
    fn an_exception_goes_down_with_what_it_excuses() {
        assert!(check(80, "function a.rs f 83")[0].contains("has 80 now, not 83"));
        assert!(check(80, "function a.rs f 80\nfile b.rs 900")[0].contains("file b.rs needs no exception"));
    }

    #[test]
    fn the_number_of_exceptions_is_in_the_code() {
        let found = compare(&Large::new(), &[], 1, "exceptions", &|_, _| (String::new(), String::new()));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_line_that_cannot_be_read_is_refused() {
        assert!(read("function a.rs").is_err());
    }
}
