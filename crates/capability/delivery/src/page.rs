//! Pages that work without a script, on a phone, in light and dark: pull the andon, and the status board.
//!
//! Invariants: pure; every text that people wrote is escaped; a state is told by word and symbol, the
//! colour only repeats it.

use jiff::Timestamp;

/// What stands on the page that pulls the andon.
#[derive(Clone, Debug, Default)]
pub(crate) struct PullForm {
    pub(crate) services: Vec<Choice>,
    pub(crate) systems: Vec<Choice>,
    /// What was chosen before a refusal, or by the link.
    pub(crate) scope: String,
    pub(crate) reason: String,
    pub(crate) case: String,
    /// Why the last try was refused.
    pub(crate) refusal: Option<String>,
}

/// One entry of a list to choose from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) title: String,
}

/// What stands on the page after a pull.
#[derive(Clone, Debug)]
pub(crate) struct PulledPage {
    /// The andon's name, for example `and-3`.
    pub(crate) name: String,
    pub(crate) title: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) state: &'static str,
    pub(crate) reason: String,
    pub(crate) cases: Vec<String>,
    /// How many pulls there are in all.
    pub(crate) pulls: usize,
    pub(crate) owner: Option<String>,
    pub(crate) told: Vec<String>,
    /// Whether messages were due and none of them could be sent.
    pub(crate) nobody_reached: bool,
    pub(crate) released: bool,
}

/// The state of a service, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum BoardState {
    Stopped,
    Alarm,
    Unknown,
    Running,
}

/// One line of the status board.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BoardRow {
    pub(crate) state: BoardState,
    pub(crate) title: String,
    pub(crate) owner: String,
    pub(crate) detail: String,
    pub(crate) since: Option<Timestamp>,
    pub(crate) scope: String,
}

/// Escapes a text for HTML, in content and in quoted attributes.
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

const STYLE: &str = "
:root{color-scheme:light dark;--bg:#fff;--fg:#1a1d21;--dim:#5b6470;--line:#d5dae0;--card:#f6f7f9;--stop:#b42318;--stop-bg:#fef0ee;
--warn:#8a5300;--warn-bg:#fff6e5;--ok:#12693b;--ok-bg:#ecf8f1;--unknown:#4a5568;--unknown-bg:#eef0f3;--accent:#1f5fbf}
@media (prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e8eaed;--dim:#a0a8b2;--line:#343a41;--card:#1c2024;--stop:#ff8a7d;--stop-bg:#3a1a17;
--warn:#f5c063;--warn-bg:#33270f;--ok:#6fd39b;--ok-bg:#12301f;--unknown:#b4bcc8;--unknown-bg:#262b31;--accent:#8ab4f8}}
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main{max-width:40rem;margin:0 auto;padding:1.25rem 1rem 3rem}h1{font-size:1.5rem;line-height:1.25;margin:.5rem 0 1rem}
p{margin:.5rem 0}.dim{color:var(--dim)}nav{display:flex;gap:1rem;padding:.75rem 1rem;border-bottom:1px solid var(--line)}
a{color:var(--accent)}label{display:block;font-weight:600;margin:1rem 0 .25rem}
select,textarea,input{width:100%;font:inherit;color:inherit;background:var(--card);border:1px solid var(--line);border-radius:6px;padding:.6rem .7rem}
select:focus-visible,textarea:focus-visible,input:focus-visible,button:focus-visible,a:focus-visible{outline:3px solid var(--accent);outline-offset:2px}
textarea{min-height:6rem;resize:vertical}button{margin-top:1.25rem;width:100%;min-height:3rem;font:inherit;font-weight:700;color:#fff;background:#b42318;border:0;border-radius:6px}
.card{border:1px solid var(--line);border-left-width:6px;border-radius:6px;padding:.75rem 1rem;margin:.75rem 0;background:var(--card);overflow-wrap:anywhere}
.stopped{border-left-color:var(--stop)}.alarm{border-left-color:var(--warn)}.running{border-left-color:var(--ok)}.unknown{border-left-color:var(--unknown)}
.tag{display:inline-block;font-weight:700;padding:.05rem .5rem;border-radius:4px;white-space:nowrap}
.stopped .tag{color:var(--stop);background:var(--stop-bg)}.alarm .tag{color:var(--warn);background:var(--warn-bg)}
.running .tag{color:var(--ok);background:var(--ok-bg)}.unknown .tag{color:var(--unknown);background:var(--unknown-bg)}
.row{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline}.row b{font-size:1.05rem}dl{margin:0}dt{color:var(--dim);margin-top:.6rem}dd{margin:0}
ul{margin:.25rem 0;padding-left:1.25rem}";

fn page(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n{head}\
         <title>{} · Andon</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <nav aria-label=\"Pages\"><a href=\"/status\">Status</a><a href=\"/pull\">Pull the andon</a></nav>\n\
         <main>\n{body}</main>\n</body>\n</html>\n",
        escape(title)
    )
}

fn moment(at: Timestamp) -> String {
    let shown = at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
    format!("<time datetime=\"{at}\">{shown}</time>")
}

/// Writes the page with the form.
pub(crate) fn pull_form(form: &PullForm) -> String {
    let refusal = form.refusal.as_ref().map_or_else(String::new, |text| {
        format!("<div class=\"card stopped\" role=\"alert\"><span class=\"tag\">■ Not stopped</span><p>{}</p></div>\n", escape(text))
    });
    let none_chosen = if form.scope.is_empty() { " selected" } else { "" };
    let body = format!(
        "<h1>Pull the andon</h1>\n{refusal}\
         <p>Something is wrong for a customer? Stop the line. Anybody may. The team that owns the service is told at once, \
         and nothing new is deployed until somebody releases the andon.</p>\n\
         <form method=\"post\" action=\"/pull\" accept-charset=\"utf-8\">\n\
         <label for=\"scope\">What is wrong?</label>\n<select id=\"scope\" name=\"scope\" required>\n\
         <option value=\"\" disabled{none_chosen}>Choose a service</option>\n{}{}\
         <option value=\"*\"{}>Everything: I do not know which</option>\n</select>\n\
         <label for=\"reason\">What do you see, or what did the customer say?</label>\n\
         <textarea id=\"reason\" name=\"reason\" maxlength=\"3900\">{}</textarea>\n\
         <label for=\"case\">Case number, if there is one</label>\n\
         <input id=\"case\" name=\"case\" maxlength=\"100\" autocomplete=\"off\" value=\"{}\">\n\
         <button type=\"submit\">Stop the line</button>\n</form>\n",
        options(&form.services, &form.scope),
        group_of("A whole system", &form.systems, &form.scope),
        if form.scope == "*" { " selected" } else { "" },
        escape(&form.reason),
        escape(&form.case),
    );
    page("Pull the andon", "", &body)
}

fn options(choices: &[Choice], chosen: &str) -> String {
    choices
        .iter()
        .map(|choice| {
            let selected = if choice.value == chosen { " selected" } else { "" };
            format!("<option value=\"{}\"{selected}>{}</option>\n", escape(&choice.value), escape(&choice.title))
        })
        .collect()
}

fn group_of(title: &str, choices: &[Choice], chosen: &str) -> String {
    if choices.is_empty() {
        return String::new();
    }
    format!("<optgroup label=\"{}\">\n{}</optgroup>\n", escape(title), options(choices, chosen))
}

/// Writes the page after a pull: what was stopped, since when, and who was told.
pub(crate) fn pulled(view: &PulledPage) -> String {
    let (class, tag, heading) = if view.released {
        ("running", "● Released", format!("{} runs again", view.title))
    } else {
        ("stopped", "■ Stopped", format!("{} is stopped", view.title))
    };
    let mut facts = Vec::new();
    if let Some(since) = view.since {
        facts.push(("Since", moment(since)));
    }
    if !view.reason.is_empty() {
        facts.push(("Because", format!("“{}”", escape(&view.reason))));
    }
    if !view.cases.is_empty() {
        facts.push(("Cases", escape(&view.cases.join(", "))));
    }
    if view.pulls > 1 {
        facts.push(("Pulled", format!("{} times; yours is among them", view.pulls)));
    }
    facts.push(("Owner", view.owner.as_deref().map_or_else(|| "nobody is named in the catalog".to_owned(), escape)));
    facts.push(("Who was told", told(view)));
    facts.push(("State", escape(view.state)));
    facts.push(("Reference", escape(&view.name)));
    let list: String = facts.iter().map(|(term, text)| format!("<dt>{term}</dt><dd>{text}</dd>\n")).collect();
    let body = format!(
        "<h1>{}</h1>\n<div class=\"card {class}\"><span class=\"tag\">{tag}</span>\n<dl>\n{list}</dl>\n</div>\n\
         <p class=\"dim\">Nothing new is deployed here until somebody releases the andon with a countermeasure. \
         If nobody answers within five minutes, that is told as well. This page refreshes by itself.</p>\n",
        escape(&heading)
    );
    let refresh = format!("<meta http-equiv=\"refresh\" content=\"5;url=/pull?andon={}\">\n", escape(&view.name));
    page(&heading, if view.released { "" } else { &refresh }, &body)
}

fn told(view: &PulledPage) -> String {
    if view.told.is_empty() {
        return "It stands on the status board and in the team's list; a page is on its way.".to_owned();
    }
    let items: String = view.told.iter().map(|line| format!("<li>{}</li>", escape(line))).collect();
    let call = if view.nobody_reached { "<p><b>No message could be sent. Please call the team.</b></p>" } else { "" };
    format!("<ul>{items}</ul>{call}")
}

/// Writes the status board.
pub(crate) fn board(rows: &[BoardRow], line_stopped: Option<&str>, now: Timestamp) -> String {
    let stopped = rows.iter().filter(|row| row.state == BoardState::Stopped).count();
    let alarms = rows.iter().filter(|row| row.state == BoardState::Alarm).count();
    let heading = match (line_stopped, stopped, alarms) {
        (Some(_), _, _) => "The whole line is stopped".to_owned(),
        (None, 0, 0) if rows.is_empty() => "No services yet".to_owned(),
        (None, 0, 0) => "Everything runs".to_owned(),
        (None, stopped, alarms) => {
            let part = |count: usize, word: &str| (count > 0).then(|| format!("{count} {word}"));
            [part(stopped, "stopped"), part(alarms, "with an alarm")].into_iter().flatten().collect::<Vec<_>>().join(", ")
        }
    };
    let banner = line_stopped.map_or_else(String::new, |text| {
        format!("<div class=\"card stopped\"><span class=\"tag\">■ Stopped</span><p>{}</p></div>\n", escape(text))
    });
    let empty = if rows.is_empty() {
        "<p>Services appear here once the catalog has them: <code>andon apply -f catalog-info.yaml</code></p>\n"
    } else {
        ""
    };
    let cards: String = rows.iter().map(board_row).collect();
    let body = format!("<h1>{}</h1>\n<p class=\"dim\">At {}. This page refreshes by itself.</p>\n{banner}{empty}{cards}", escape(&heading), moment(now));
    page("Status", "<meta http-equiv=\"refresh\" content=\"15\">\n", &body)
}

fn board_row(row: &BoardRow) -> String {
    let (class, tag) = match row.state {
        BoardState::Stopped => ("stopped", "■ Stopped"),
        BoardState::Alarm => ("alarm", "▲ Alarm"),
        BoardState::Unknown => ("unknown", "? Unknown"),
        BoardState::Running => ("running", "● Running"),
    };
    let since = row.since.map_or_else(String::new, |at| format!("<span class=\"dim\">since {}</span>", moment(at)));
    let detail = if row.detail.is_empty() { String::new() } else { format!("<p>{}</p>", escape(&row.detail)) };
    let pull = if row.state == BoardState::Stopped {
        String::new()
    } else {
        format!("<a href=\"/pull?service={}\">Pull</a>", escape(&row.scope))
    };
    format!(
        "<section class=\"card {class}\"><div class=\"row\"><span class=\"tag\">{tag}</span><b>{}</b>\
         <span class=\"dim\">{}</span>{since}{pull}</div>{detail}</section>\n",
        escape(&row.title),
        escape(&owned_by(&row.owner))
    )
}

fn owned_by(owner: &str) -> String {
    if owner.is_empty() { "owned by nobody".to_owned() } else { format!("owned by {owner}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at() -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap()
    }

    fn row(state: BoardState, title: &str) -> BoardRow {
        BoardRow { state, title: title.into(), owner: "Payments".into(), detail: String::new(), since: None, scope: title.into() }
    }

    #[test]
    fn what_people_wrote_is_text_and_never_markup() {
        let form = PullForm { reason: "</textarea><script>x</script>".into(), case: "\" onfocus=\"x".into(), ..PullForm::default() };
        let html = pull_form(&form);
        assert!(!html.contains("<script") && !html.contains("\" onfocus"));
    }

    #[test]
    fn the_form_works_without_a_script_and_keeps_what_was_written() {
        let form = PullForm {
            services: vec![Choice { value: "component:default/payments".into(), title: "Payments".into() }],
            scope: "component:default/payments".into(),
            reason: "they were charged twice".into(),
            refusal: Some("The catalog has no x.".into()),
            ..PullForm::default()
        };
        let html = pull_form(&form);
        assert!(html.contains("method=\"post\"") && html.contains("selected>Payments"));
        assert!(html.contains(">they were charged twice</textarea>") && html.contains("The catalog has no x."));
        assert!(html.contains("width=device-width") && html.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn after_a_pull_it_says_what_is_stopped_since_when_and_who_was_told() {
        let view = PulledPage {
            name: "and-3".into(), title: "Payments".into(), since: Some(at()), state: "pulled", reason: "charged twice".into(),
            cases: vec!["4711".into()], pulls: 2, owner: Some("Team Payments".into()),
            told: vec!["Maya Lindqvist by email, sent".into()], nobody_reached: true, released: false,
        };
        let html = pulled(&view);
        for text in ["Payments is stopped", "2023-11-14 22:13:20 UTC", "Maya Lindqvist by email, sent", "4711", "/pull?andon=and-3", "Please call the team"] {
            assert!(html.contains(text), "{text}");
        }
        let again = pulled(&PulledPage { released: true, ..view });
        assert!(again.contains("Payments runs again") && !again.contains("http-equiv"));
    }

    #[test]
    fn the_board_says_each_state_in_words() {
        let rows = [row(BoardState::Stopped, "payments"), row(BoardState::Alarm, "checkout"), row(BoardState::Running, "storefront")];
        let html = board(&rows, None, at());
        for text in ["1 stopped, 1 with an alarm", "■ Stopped", "▲ Alarm", "● Running"] {
            assert!(html.contains(text), "{text}");
        }
        assert!(board(&rows[2..], None, at()).contains("Everything runs"));
        assert!(board(&[], None, at()).contains("No services yet"));
        assert!(board(&rows, Some("All is held."), at()).contains("The whole line is stopped"));
    }

    proptest! {
        #[test]
        fn escaped_text_has_no_markup(text in ".{0,200}") {
            let escaped = escape(&text);
            prop_assert!(!escaped.contains(['<', '>', '"', '\'']));
        }
    }
}
