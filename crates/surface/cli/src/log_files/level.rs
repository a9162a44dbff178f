//! The level of a line of plain text, where it says one near its beginning.

/// How far a level is looked for behind the time, in words.
const WORDS: usize = 6;

/// Finds the level: a word in capitals, in brackets or behind `level=`, among the first words.
pub(crate) fn level_of(text: &str) -> Option<&'static str> {
    let head = text.lines().next().unwrap_or_default();
    head.split([' ', '\t', '|']).filter(|word| !word.is_empty()).take(WORDS).find_map(level_of_word)
}

fn level_of_word(word: &str) -> Option<&'static str> {
    let is_bracketed = word.starts_with(['[', '<', '(']) || word.ends_with(':') || word.ends_with(']');
    let bare = word.trim_matches(|c: char| matches!(c, '[' | ']' | '<' | '>' | '(' | ')' | ':' | ',' | '*'));
    // Apache writes `[core:error]`.
    let bare = bare.rsplit(':').next().unwrap_or(bare);
    let is_capital = bare.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_titled = is_title(bare) && word.len() - bare.len() <= 1;
    if !(is_capital || is_bracketed || is_titled) {
        return None;
    }
    Some(match bare.to_ascii_lowercase().as_str() {
        "trace" | "finest" | "finer" => "trace",
        "debug" | "fine" => "debug",
        "info" | "information" | "informational" => "info",
        "notice" => "notice",
        "warn" | "warning" => "warn",
        "error" | "err" | "severe" => "error",
        "critical" | "crit" => "critical",
        "alert" => "alert",
        "fatal" | "panic" => "fatal",
        "emerg" | "emergency" => "emergency",
        _ => return None,
    })
}

/// `Info`, as Windows writes it; sentences begin so, too, hence only with a comma or nothing around it.
fn is_title(word: &str) -> bool {
    let mut bytes = word.bytes();
    bytes.next().is_some_and(|first| first.is_ascii_uppercase()) && word.len() > 3 && bytes.all(|byte| byte.is_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_found_where_programs_write_them() {
        for (text, level) in [
            ("INFO [main] org.apache: started", Some("info")),
            ("148 WARN dfs.DataNode: x", Some("warn")),
            ("[notice] workerEnv.init() ok", Some("notice")),
            ("[core:error] [pid 7] x", Some("error")),
            ("- ERROR  [Worker] - x", Some("error")),
            ("Info                  CBS    Loaded", Some("info")),
            ("[2016-12-19 16:14:08,000] TRACE x", Some("trace")),
            ("error: no such file", Some("error")),
            ("an error in the middle of a sentence", None),
            ("a b c d e f g ERROR", None),
            ("", None),
        ] {
            assert_eq!(level_of(text), level, "{text}");
        }
    }
}
