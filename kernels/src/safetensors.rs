//! The header of a safetensors file: what is where. The data is never touched here.

use std::{collections::BTreeMap, ops::Range, path::Path};

use serde_json::Value;

use crate::Error;

/// The longest header that the format's own library reads.
const LONGEST: u64 = 100_000_000;

const HELP: &str = "write it again with a safetensors library, as one whole file";

/// What a header says.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) metadata: BTreeMap<String, String>,
    /// By name.
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

/// Where a tensor is.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    /// In the file.
    pub(crate) bytes: Range<usize>,
}

/// Reads the header of a file of these bytes.
pub(crate) fn read(path: &Path, bytes: &[u8]) -> Result<Header, Error> {
    parse(bytes).map_err(|why| Error::Form { path: path.to_owned(), why, help: HELP })
}

fn parse(bytes: &[u8]) -> Result<Header, String> {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(format!("it is no safetensors file: it has only {} bytes", bytes.len()));
    };
    let length = u64::from_le_bytes(*length);
    if length > LONGEST {
        return Err("it is no safetensors file: its first eight bytes say no length".to_owned());
    }
    let Some(header) = rest.get(..length as usize) else {
        return Err(format!(
            "it is cut off: its header has {length} bytes, of which {} are there",
            rest.len()
        ));
    };
    let begin = 8 + length as usize;
    let Ok(Value::Object(entries)) = serde_json::from_slice(header) else {
        return Err("it is no safetensors file, or is damaged: its header is no JSON object".to_owned());
    };
    let mut found = Header { metadata: BTreeMap::new(), tensors: BTreeMap::new() };
    for (name, entry) in entries {
        if name == "__metadata__" {
            let Value::Object(metadata) = entry else { return Err("its metadata is no object".to_owned()) };
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            found.metadata = metadata.into_iter().map(|(key, value)| (key, text(value))).collect();
        } else {
            let tensor =
                tensor(&entry, begin, bytes.len()).map_err(|why| format!("tensor `{name}`: {why}"))?;
            found.tensors.insert(name, tensor);
        }
    }
    let mut ranges: Vec<&Range<usize>> = found.tensors.values().map(|tensor| &tensor.bytes).collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    if ranges.windows(2).any(|pair| pair[0].end > pair[1].start) {
        return Err("two of its tensors overlap".to_owned());
    }
    Ok(found)
}

fn tensor(entry: &Value, begin: usize, end: usize) -> Result<Tensor, String> {
    let numbers = |key: &str| -> Option<Vec<usize>> {
        entry.get(key)?.as_array()?.iter().map(|number| usize::try_from(number.as_u64()?).ok()).collect()
    };
    let dtype = entry.get("dtype").and_then(Value::as_str).ok_or("it has no dtype")?.to_owned();
    let shape = numbers("shape").ok_or("it has no shape")?;
    let offsets = numbers("data_offsets").ok_or("it has no offsets")?;
    let &[from, to] = offsets.as_slice() else { return Err("its offsets are not two".to_owned()) };
    let size = match dtype.as_str() {
        "F64" | "I64" | "U64" => 8,
        "F32" | "I32" | "U32" => 4,
        "BF16" | "F16" | "I16" | "U16" => 2,
        "U8" | "I8" | "BOOL" => 1,
        other => return Err(format!("numbers of type {other} are not known")),
    };
    let wanted = shape.iter().try_fold(size, |product: usize, length| product.checked_mul(*length));
    if from > to || wanted != Some(to - from) {
        return Err("its shape and its offsets disagree".to_owned());
    }
    match begin.checked_add(to) {
        Some(last) if last <= end => Ok(Tensor { dtype, shape, bytes: begin + from..last }),
        _ => Err(format!(
            "the file is cut off: it has {end} bytes, but {} are needed",
            begin.saturating_add(to)
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: usize) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.as_bytes());
        bytes.resize(bytes.len() + data, 0);
        bytes
    }

    #[test]
    fn a_header_says_what_is_where() {
        let text = r#"{"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}}  "#;
        let header = parse(&file(text, 24)).unwrap();
        assert_eq!(header.metadata["k"], "v");
        assert_eq!(header.tensors["a"].shape, [2, 3]);
        assert_eq!(header.tensors["a"].bytes, 8 + text.len()..8 + text.len() + 24);
    }

    #[test]
    fn what_is_no_header_is_an_error() {
        let refused = |bytes: &[u8], part: &str| {
            let why = parse(bytes).unwrap_err();
            assert!(why.contains(part), "{why}");
        };
        let tensor = |rest: &str| format!(r#"{{"a":{{"dtype":"F32","shape":[2],{rest}}}}}"#);
        refused(b"", "only 0 bytes");
        refused(&[255; 30], "say no length");
        refused(&file("{}", 0)[..9], "cut off");
        refused(&file("[]", 0), "no JSON object");
        refused(&file(&tensor(r#""data_offsets":[0,8]"#), 7), "cut off");
        refused(&file(&tensor(r#""data_offsets":[0,4]"#), 8), "disagree");
        refused(&file(&tensor(r#""data_offsets":[8,0]"#), 8), "disagree");
        refused(&file(&tensor(r#""data_offsets":[0]"#), 8), "not two");
        refused(&file(&tensor(r#""x":1"#), 8), "no offsets");
        let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}"#;
        refused(&file(huge, 8), "disagree");
        let twice = r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}"#;
        refused(&file(twice, 8), "overlap");
    }
}
