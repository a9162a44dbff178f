//! Built-in functions that could eat the machine or make an answer depend on chance, replaced.
//!
//! The engine looks at its clock between two steps, not inside a built-in function: one call that
//! asks for an array of 10^18 numbers would end the process. The functions here do the same as the
//! originals, up to a limit of size. Randomness is refused, and the time is the time of the check.

use std::sync::LazyLock;

use anyhow::{anyhow, bail};
use jiff::Timestamp;
use regorus::{Engine, Value};

use crate::limits::{ARRAY_ITEMS, PRINT_WIDTH, SHIFT_BITS, TEXT_BYTES, VALUE_NODES};

/// The words by which a refusal for size is recognised.
pub(crate) const TOO_LARGE: &str = "larger than a policy may make";

type Answer = anyhow::Result<Value>;

/// Puts the bounded functions in the place of the engine's own.
pub(crate) fn install(engine: &mut Engine) -> anyhow::Result<()> {
    let mut add = |name: &str, arguments: u8, function: fn(Vec<Value>) -> Answer| {
        engine.add_extension(name.to_owned(), arguments, Box::new(function))
    };
    add("numbers.range", 2, range)?;
    add("numbers.range_step", 3, range_step)?;
    add("bits.lsh", 2, shift_left)?;
    add("concat", 2, concat)?;
    add("replace", 3, replace)?;
    add("strings.replace_n", 2, replace_many)?;
    add("array.concat", 2, join_arrays)?;
    add("sprintf", 2, print)?;
    add("json.marshal", 1, marshal)?;
    add("rand.intn", 2, |_| bail!("`rand.intn` is not available: a policy gives the same answer twice"))?;
    Ok(())
}

/// Sets the moment that `time.now_ns` tells.
pub(crate) fn set_time(engine: &mut Engine, now: Timestamp) -> anyhow::Result<()> {
    let nanoseconds = i64::try_from(now.as_nanosecond()).unwrap_or(i64::MAX);
    engine.add_extension("time.now_ns".to_owned(), 0, Box::new(move |_: Vec<Value>| anyhow::Ok(Value::from(nanoseconds))))
}

fn too_large(what: &str) -> anyhow::Error {
    anyhow!("{what} is {TOO_LARGE}")
}

fn integer(value: &Value) -> Option<i64> {
    value.as_i64().ok()
}

fn range(arguments: Vec<Value>) -> Answer {
    match arguments.as_slice() {
        [from, to] => steps(from, to, 1),
        _ => Ok(Value::Undefined),
    }
}

fn range_step(arguments: Vec<Value>) -> Answer {
    match arguments.as_slice() {
        [from, to, step] => match integer(step) {
            Some(step) if step > 0 => steps(from, to, step),
            _ => bail!("the step must be a positive integer"),
        },
        _ => Ok(Value::Undefined),
    }
}

fn steps(from: &Value, to: &Value, step: i64) -> Answer {
    let (Some(from), Some(to)) = (integer(from), integer(to)) else { return Ok(Value::Undefined) };
    let distance = i128::from(to) - i128::from(from);
    let count = distance.abs() / i128::from(step) + 1;
    if count > i128::from(ARRAY_ITEMS) {
        return Err(too_large(&format!("an array of {count} numbers")));
    }
    let direction = if distance < 0 { -step } else { step };
    let numbers = (0..count).filter_map(|index| {
        let offset = i64::try_from(index).ok()?.checked_mul(direction)?;
        from.checked_add(offset).map(Value::from)
    });
    Ok(Value::from(numbers.collect::<Vec<_>>()))
}

fn shift_left(arguments: Vec<Value>) -> Answer {
    let [number, bits] = arguments.as_slice() else { return Ok(Value::Undefined) };
    let (Some(number), Some(bits)) = (integer(number), integer(bits)) else { return Ok(Value::Undefined) };
    if bits < 0 {
        return Ok(Value::Undefined);
    }
    if bits > SHIFT_BITS {
        return Err(too_large(&format!("a number of {bits} bits")));
    }
    match u32::try_from(bits).ok().and_then(|bits| number.checked_mul(2i64.checked_pow(bits)?)) {
        Some(shifted) => Ok(Value::from(shifted)),
        None => Err(too_large("a number beyond 63 bits")),
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) => Some(text),
        _ => None,
    }
}

fn items(value: &Value) -> Option<Vec<&Value>> {
    match value {
        Value::Array(items) => Some(items.iter().collect()),
        Value::Set(items) => Some(items.iter().collect()),
        _ => None,
    }
}

fn checked(length: usize, what: &str) -> anyhow::Result<()> {
    if length > TEXT_BYTES { Err(too_large(&format!("{what} of {length} bytes"))) } else { Ok(()) }
}

fn concat(arguments: Vec<Value>) -> Answer {
    let [delimiter, parts] = arguments.as_slice() else { return Ok(Value::Undefined) };
    let (Some(delimiter), Some(parts)) = (text(delimiter), items(parts)) else { return Ok(Value::Undefined) };
    let Some(parts) = parts.into_iter().map(text).collect::<Option<Vec<_>>>() else { return Ok(Value::Undefined) };
    let length = parts.iter().map(|part| part.len()).sum::<usize>() + delimiter.len() * parts.len();
    checked(length, "a text")?;
    Ok(Value::from(parts.join(delimiter)))
}

fn replace_in(source: &str, old: &str, new: &str) -> anyhow::Result<String> {
    let found = source.matches(old).count();
    checked(source.len().saturating_add(found.saturating_mul(new.len())), "a text")?;
    Ok(source.replace(old, new))
}

fn replace(arguments: Vec<Value>) -> Answer {
    let [source, old, new] = arguments.as_slice() else { return Ok(Value::Undefined) };
    match (text(source), text(old), text(new)) {
        (Some(source), Some(old), Some(new)) => Ok(Value::from(replace_in(source, old, new)?)),
        _ => Ok(Value::Undefined),
    }
}

fn replace_many(arguments: Vec<Value>) -> Answer {
    let [Value::Object(patterns), source] = arguments.as_slice() else { return Ok(Value::Undefined) };
    let Some(source) = text(source) else { return Ok(Value::Undefined) };
    let mut result = source.to_owned();
    for (old, new) in patterns.iter() {
        let (Some(old), Some(new)) = (text(old), text(new)) else { return Ok(Value::Undefined) };
        result = replace_in(&result, old, new)?;
    }
    Ok(Value::from(result))
}

fn join_arrays(arguments: Vec<Value>) -> Answer {
    let [Value::Array(first), Value::Array(second)] = arguments.as_slice() else { return Ok(Value::Undefined) };
    let count = first.len() + second.len();
    if i64::try_from(count).unwrap_or(i64::MAX) > ARRAY_ITEMS {
        return Err(too_large(&format!("an array of {count} items")));
    }
    Ok(Value::from(first.iter().chain(second.iter()).cloned().collect::<Vec<_>>()))
}

/// The engine's own functions, for what is checked here and then done there.
static ORIGINALS: LazyLock<Option<Engine>> = LazyLock::new(|| {
    let mut engine = Engine::new();
    let module = "package originals\n\nprint := sprintf(input[0], input[1])\n\nmarshal := json.marshal(input[0])\n";
    engine.add_policy("originals.rego".to_owned(), module.to_owned()).ok()?;
    Some(engine)
});

fn original(rule: &str, arguments: Vec<Value>) -> Answer {
    let mut engine = ORIGINALS.clone().ok_or_else(|| anyhow!("the engine has lost its own functions"))?;
    engine.set_input(Value::from(arguments));
    engine.eval_rule(format!("data.originals.{rule}")).map_err(|error| {
        let message = error.to_string();
        anyhow!("{}", message.lines().find_map(|line| line.strip_prefix("error: ")).unwrap_or("it cannot be printed").to_owned())
    })
}

fn print(arguments: Vec<Value>) -> Answer {
    let [format, values] = arguments.as_slice() else { return Ok(Value::Undefined) };
    if let Some(format) = text(format) {
        let widths = format.split(|character: char| !character.is_ascii_digit()).filter(|digits| !digits.is_empty());
        let widest = widths.map(|digits| digits.parse::<usize>().unwrap_or(usize::MAX)).max();
        if format.contains('%') && widest.is_some_and(|width| width > PRINT_WIDTH) {
            return Err(too_large(&format!("a width over {PRINT_WIDTH}")));
        }
    }
    small(values)?;
    original("print", arguments)
}

fn marshal(arguments: Vec<Value>) -> Answer {
    arguments.iter().try_for_each(small)?;
    original("marshal", arguments)
}

/// Refuses a value whose printed form would be large; parts that several places share count for each.
fn small(value: &Value) -> anyhow::Result<()> {
    let (mut nodes, mut bytes) = (0usize, 0usize);
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        nodes += 1;
        if nodes > VALUE_NODES || bytes > TEXT_BYTES {
            return Err(too_large("a text of that value"));
        }
        match value {
            Value::String(text) => bytes += text.len(),
            Value::Array(items) => open.extend(items.iter()),
            Value::Set(items) => open.extend(items.iter()),
            Value::Object(fields) => open.extend(fields.iter().flat_map(|(key, value)| [key, value])),
            _ => {}
        }
    }
    Ok(())
}
