//! Reading what a stage says: settings by name, in the type that the stage expects.
//!
//! The compiler has checked types and bounds; a setting that is not what a stage expects is a
//! mistake of ours, and is told as such.

use std::time::Duration;

use sswe_compiler::plan::Stage;
use sswe_compiler::value::Value;
use sswe_engine::Fault;

fn wrong(stage: &Stage, name: &str, expected: &str) -> Fault {
    Fault::Failed(format!("internal error: setting `{name}` of `{}` is not {expected}", stage.name))
}

/// Returns a setting, if it is set.
pub(crate) fn find<'a>(stage: &'a Stage, name: &str) -> Option<&'a Value> {
    stage.settings.iter().find(|setting| setting.name == name).map(|setting| &setting.value)
}

/// Returns a whole number that is not negative.
pub(crate) fn count(stage: &Stage, name: &str) -> Result<u64, Fault> {
    match find(stage, name) {
        Some(Value::Int(number)) => u64::try_from(*number).map_err(|_| wrong(stage, name, "positive")),
        _ => Err(wrong(stage, name, "a number")),
    }
}

/// Returns a number.
pub(crate) fn number(stage: &Stage, name: &str) -> Result<f64, Fault> {
    match find(stage, name) {
        Some(Value::Number(number)) => Ok(number.to_f64()),
        Some(Value::Int(number)) => Ok(*number as f64),
        _ => Err(wrong(stage, name, "a number")),
    }
}

/// Returns a word.
pub(crate) fn word<'a>(stage: &'a Stage, name: &str) -> Result<&'a str, Fault> {
    match find(stage, name) {
        Some(Value::Variant(word)) => Ok(word),
        Some(Value::Text(text) | Value::Fact(text)) => Ok(text),
        Some(Value::Solver) => Ok("solver"),
        _ => Err(wrong(stage, name, "a word")),
    }
}

/// Returns whether a setting is on.
pub(crate) fn is_on(stage: &Stage, name: &str) -> Result<bool, Fault> {
    match find(stage, name) {
        Some(Value::Bool(on)) => Ok(*on),
        _ => Err(wrong(stage, name, "on or off")),
    }
}

/// Returns a time.
pub(crate) fn duration(stage: &Stage, name: &str) -> Result<Duration, Fault> {
    match find(stage, name) {
        Some(Value::Duration(nanoseconds)) => Ok(Duration::from_nanos(*nanoseconds)),
        _ => Err(wrong(stage, name, "a duration")),
    }
}

/// Returns a size.
pub(crate) fn bytes(stage: &Stage, name: &str) -> Result<u64, Fault> {
    match find(stage, name) {
        Some(Value::Bytes(bytes)) => Ok(*bytes),
        _ => Err(wrong(stage, name, "a size")),
    }
}

/// Returns the words of a list.
pub(crate) fn words<'a>(stage: &'a Stage, name: &str) -> Result<Vec<&'a str>, Fault> {
    let Some(Value::List(list)) = find(stage, name) else { return Err(wrong(stage, name, "a list")) };
    let words = list.iter().map(|value| match value {
        Value::Variant(word) => Ok(*word),
        Value::Text(text) | Value::Fact(text) => Ok(&**text),
        _ => Err(wrong(stage, name, "a list of words")),
    });
    words.collect()
}

/// Returns the ends of a range of numbers.
pub(crate) fn range(stage: &Stage, name: &str) -> Result<(Option<f64>, Option<f64>), Fault> {
    let end = |value: &Option<std::sync::Arc<Value>>| match value.as_deref() {
        Some(Value::Int(number)) => Some(*number as f64),
        Some(Value::Number(number)) => Some(number.to_f64()),
        _ => None,
    };
    match find(stage, name) {
        Some(Value::Range(from, to)) => Ok((end(from), end(to))),
        _ => Err(wrong(stage, name, "a range")),
    }
}
