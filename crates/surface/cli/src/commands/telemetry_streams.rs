//! `andon telemetry streams`: what each stream holds and what has left it.

use serde_json::Value;

use crate::context::Context;
use crate::failure::{Exit, Failure};
use crate::fields;
use crate::output::Output;
use crate::table::{Cell, Table, Tone};
use crate::words::{bytes, count, length};

pub(crate) async fn run(context: &Context) -> Result<Exit, Failure> {
    let output = &context.output;
    let answer: Value = context.client()?.get("/api/v1/telemetry/streams").send().await?;
    let items = fields::list(&answer, "/items").to_vec();
    output.show(&items, || table(&items, output))?;
    Ok(Exit::Ok)
}

fn table(items: &[Value], output: &Output) -> String {
    let mut table = Table::new(&["Stream", "Lines", "Bytes", "Files", "Oldest", "Kept for", "At most", "Dropped", "Why"]);
    for item in items {
        let number = |pointer: &str| fields::integer(item, pointer).unwrap_or(0);
        let size = |pointer: &str| bytes(u64::try_from(number(pointer)).unwrap_or(0));
        let is_known = item.get("known").and_then(Value::as_bool) != Some(false);
        let name = fields::text(item, "/name");
        let reasons = [("age", "/droppedByAgeRows"), ("size", "/droppedBySizeRows"), ("disk cap", "/droppedByCapRows")];
        let why: Vec<String> = reasons
            .into_iter()
            .filter(|(_, pointer)| number(pointer) > 0)
            .map(|(why, pointer)| format!("{why} {}", count(number(pointer))))
            .collect();
        let kept = match number("/retentionSeconds") {
            0 => "ever".to_owned(),
            seconds => length(seconds.saturating_mul(1_000)),
        };
        table.row(vec![
            Cell::new(if is_known { name } else { format!("{name} (removed)") }).tone(if is_known { Tone::Plain } else { Tone::Faint }),
            Cell::number(number("/rows")),
            Cell::right(size("/bytes")),
            Cell::number(number("/segments")),
            Cell::age(fields::time(item, "/oldestReceivedAt"), output),
            Cell::right(kept),
            Cell::right(if fields::integer(item, "/sizeBytes").is_some() { size("/sizeBytes") } else { String::new() }),
            Cell::number(reasons.iter().map(|(_, pointer)| number(pointer)).sum()),
            Cell::new(why.join(", ")),
        ]);
    }
    table.render(output)
}
