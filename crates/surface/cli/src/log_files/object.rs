//! One JSON line for the server, written field by field.

use serde_json::Value;

/// A JSON object that is being written.
pub(crate) struct Object {
    bytes: Vec<u8>,
}

impl Object {
    pub(crate) fn new(capacity: usize) -> Self {
        let mut bytes = Vec::with_capacity(capacity + 256);
        bytes.push(b'{');
        Self { bytes }
    }

    fn name(&mut self, name: &str) {
        if self.bytes.len() > 1 {
            self.bytes.push(b',');
        }
        self.quoted(name);
        self.bytes.push(b':');
    }

    fn quoted(&mut self, text: &str) {
        // Writing into memory does not fail.
        let _written = serde_json::to_writer(&mut self.bytes, text);
    }

    /// Adds a text; an empty one says nothing and is left out.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        if !text.is_empty() {
            self.name(name);
            self.quoted(text);
        }
    }

    /// Adds a whole number.
    pub(crate) fn number(&mut self, name: &str, number: u64) {
        self.name(name);
        self.bytes.extend_from_slice(number.to_string().as_bytes());
    }

    /// Adds a value.
    pub(crate) fn value(&mut self, name: &str, value: &Value) {
        self.name(name);
        let _written = serde_json::to_writer(&mut self.bytes, value);
    }

    /// Adds a time, in microseconds since the epoch.
    pub(crate) fn time(&mut self, time_us: Option<i64>) {
        let time = time_us.and_then(|time_us| jiff::Timestamp::from_microsecond(time_us).ok());
        if let Some(time) = time {
            self.text("timestamp", &time.to_string());
        }
    }

    /// Adds named values where there are some.
    pub(crate) fn map(&mut self, name: &str, values: serde_json::Map<String, Value>) {
        if !values.is_empty() {
            self.value(name, &Value::Object(values));
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        self.bytes.push(b'}');
        self.bytes
    }
}

/// A number where it is spelt as one, as JSON spells it: `007` and `1e5` stay texts.
pub(crate) fn number_or_text(text: &str) -> Value {
    if let Ok(number) = text.parse::<i64>()
        && number.to_string() == text
    {
        return number.into();
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && text.contains('.') && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'.' | b'-')) => number.into(),
        _ => text.into(),
    }
}
