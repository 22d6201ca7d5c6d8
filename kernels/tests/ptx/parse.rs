//! Reads the text of PTX into instructions.
//!
//! Whatever is not understood is an error: a test that passes has run every instruction there is.

use std::collections::HashMap;

use crate::pure::{self, Pure};

/// A kernel, as it stands in the text.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) name: String,
    pub(crate) parameters: Vec<String>,
    /// How many registers a thread has, of all types.
    pub(crate) registers: usize,
    pub(crate) code: Vec<Instruction>,
}

#[derive(Debug)]
pub(crate) struct Instruction {
    /// The register that says whether it runs, and what it must be.
    pub(crate) guard: Option<(usize, bool)>,
    pub(crate) op: Op,
    /// The line it comes from, for errors.
    pub(crate) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operand {
    Register(usize),
    Constant(u64),
    Special(Special),
}

/// What a thread knows of itself. Blocks and grids have one dimension here.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Special {
    Thread,
    Threads,
    Block,
    Blocks,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shuffle {
    Down,
    Index,
}

#[derive(Debug)]
pub(crate) enum Op {
    /// A function of registers alone.
    Pure {
        to: usize,
        function: Pure,
        from: [Operand; 3],
    },
    Parameter {
        to: usize,
        parameter: usize,
    },
    /// Registers are filled from places one behind the other, of so many bytes each.
    Load {
        to: Vec<usize>,
        bytes: usize,
        base: Operand,
        offset: u64,
    },
    Store {
        from: Operand,
        bytes: usize,
        base: Operand,
        offset: u64,
    },
    Shuffle {
        kind: Shuffle,
        to: usize,
        valid: Option<usize>,
        from: Operand,
        by: Operand,
        bounds: Operand,
        mask: Operand,
    },
    Branch {
        target: usize,
    },
    Return,
}

/// Lines that say nothing about what a kernel computes.
const IGNORED: [&str; 8] =
    [".version", ".target", ".address_size", ".maxntid", ".minnctapersm", ".pragma", "{", "}"];

/// Returns the kernels of a text.
pub(crate) fn kernels(text: &str) -> Result<Vec<Kernel>, String> {
    let mut kernels = Vec::new();
    let mut lines = text.lines().map(|line| line.split("//").next().unwrap_or("").trim());
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix(".visible .entry ") {
            let body = lines.by_ref().take_while(|line| *line != "}");
            kernels.push(kernel(name.trim_end_matches('('), body)?);
        } else if !is_ignored(line) && !line.starts_with(".global .align") {
            return Err(format!("what is `{line}`, outside of kernels?"));
        }
    }
    Ok(kernels)
}

fn is_ignored(line: &str) -> bool {
    line.is_empty() || line == ")" || IGNORED.iter().any(|ignored| line.starts_with(ignored))
}

fn kernel<'a>(name: &str, lines: impl Iterator<Item = &'a str>) -> Result<Kernel, String> {
    let mut reader = Reader::default();
    let mut pending = Vec::new();
    for line in lines {
        if let Some(parameter) = line.strip_prefix(".param .u64 ") {
            reader.parameters.push(parameter.trim_end_matches(',').to_owned());
        } else if let Some(declared) = line.strip_prefix(".reg ") {
            reader.declare(declared).ok_or_else(|| format!("cannot read `{line}`"))?;
        } else if let Some(label) = line.strip_suffix(':') {
            reader.labels.insert(label.to_owned(), pending.len());
        } else if !is_ignored(line) {
            pending.push(line);
        }
    }
    let read = |line: &&str| reader.instruction(line).map_err(|why| format!("{name}: `{line}`: {why}"));
    let code = pending.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    Ok(Kernel { name: name.to_owned(), parameters: reader.parameters, registers: reader.registers, code })
}

/// What must be known of a kernel before its instructions can be read.
#[derive(Default)]
struct Reader {
    parameters: Vec<String>,
    labels: HashMap<String, usize>,
    /// Where the registers of a prefix begin, and how many there are.
    banks: HashMap<String, (usize, usize)>,
    registers: usize,
}

impl Reader {
    /// Reads `.f32 %f<497>;`.
    fn declare(&mut self, text: &str) -> Option<()> {
        let (_, bank) = text.split_once('%')?;
        let (prefix, count) = bank.trim_end_matches(';').trim_end_matches('>').split_once('<')?;
        let count = count.parse().ok()?;
        self.banks.insert(prefix.to_owned(), (self.registers, count));
        self.registers += count;
        Some(())
    }

    fn instruction(&self, line: &str) -> Result<Instruction, String> {
        let mut text = line.trim_end_matches(';').trim();
        let mut guard = None;
        if let Some(guarded) = text.strip_prefix('@') {
            let (name, rest) = guarded.split_once(char::is_whitespace).ok_or("a guard of nothing")?;
            let wanted = !name.starts_with('!');
            guard = Some((self.register(name.trim_start_matches('!'))?, wanted));
            text = rest.trim();
        }
        let (opcode, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let op = self.op(opcode, &split(rest))?;
        Ok(Instruction { guard, op, text: line.to_owned() })
    }

    fn op(&self, opcode: &str, operands: &[&str]) -> Result<Op, String> {
        let parts: Vec<&str> = opcode.split('.').collect();
        match (parts.as_slice(), operands) {
            (["ret"], []) => Ok(Op::Return),
            (["bra"] | ["bra", "uni"], [label]) => {
                let target = self.labels.get(*label).ok_or("no such label")?;
                Ok(Op::Branch { target: *target })
            }
            (["ld", "param", "u64" | "b64"], [to, from]) => {
                let name = from.trim_matches(['[', ']']);
                let parameter =
                    self.parameters.iter().position(|known| known == name).ok_or("no such parameter")?;
                Ok(Op::Parameter { to: self.register(to)?, parameter })
            }
            (["ld", "global", .., kind], [to, from]) => {
                let to = vector(to).into_iter().map(|to| self.register(to)).collect::<Result<Vec<_>, _>>()?;
                let (base, offset) = self.place(from)?;
                is_known(&parts, to.len())?;
                Ok(Op::Load { to, bytes: bytes(kind)?, base, offset })
            }
            (["st", "global", .., kind], [to, from]) => {
                let (base, offset) = self.place(to)?;
                is_known(&parts, 1)?;
                Ok(Op::Store { from: self.operand(from)?, bytes: bytes(kind)?, base, offset })
            }
            (["shfl", "sync", kind, "b32"], [to, from, by, bounds, mask]) => {
                let (to, valid) = to.split_once('|').map_or((*to, None), |(to, valid)| (to, Some(valid)));
                Ok(Op::Shuffle {
                    kind: match *kind {
                        "down" => Shuffle::Down,
                        "idx" => Shuffle::Index,
                        _ => return Err(String::from("no such shuffle is known here")),
                    },
                    to: self.register(to)?,
                    valid: valid.map(|valid| self.register(valid)).transpose()?,
                    from: self.operand(from)?,
                    by: self.operand(by)?,
                    bounds: self.operand(bounds)?,
                    mask: self.operand(mask)?,
                })
            }
            (_, [to, from @ ..]) => {
                let (function, arity) = pure::function(opcode).ok_or("this opcode is not known here")?;
                if from.len() != arity {
                    return Err(format!("{arity} operands are wanted"));
                }
                let mut operands = [Operand::Constant(0); 3];
                for (operand, text) in operands.iter_mut().zip(from) {
                    *operand = self.operand(text)?;
                }
                Ok(Op::Pure { to: self.register(to)?, function, from: operands })
            }
            _ => Err(String::from("this instruction is not known here")),
        }
    }

    fn register(&self, name: &str) -> Result<usize, String> {
        let name = name.strip_prefix('%').ok_or_else(|| format!("`{name}` is no register"))?;
        let digits = name.find(|letter: char| letter.is_ascii_digit()).unwrap_or(name.len());
        let number: Option<usize> = name[digits..].parse().ok();
        match (self.banks.get(&name[..digits]), number) {
            (Some((first, count)), Some(number)) if number < *count => Ok(first + number),
            _ => Err(format!("no register %{name} is declared")),
        }
    }

    fn operand(&self, text: &str) -> Result<Operand, String> {
        match text {
            "%tid.x" => return Ok(Operand::Special(Special::Thread)),
            "%ntid.x" => return Ok(Operand::Special(Special::Threads)),
            "%ctaid.x" => return Ok(Operand::Special(Special::Block)),
            "%nctaid.x" => return Ok(Operand::Special(Special::Blocks)),
            _ if text.starts_with('%') => return self.register(text).map(Operand::Register),
            _ => {}
        }
        let hexadecimal = ["0f", "0d", "0x"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let constant = match hexadecimal {
            Some(digits) => u64::from_str_radix(digits, 16).ok(),
            // The sign of a constant fills whatever register takes it.
            None => text.parse::<i128>().ok().map(|number| number as u64),
        };
        constant.map(Operand::Constant).ok_or_else(|| format!("`{text}` is no operand"))
    }

    /// Reads `[%rd5]` or `[%rd5+16]`.
    fn place(&self, text: &str) -> Result<(Operand, u64), String> {
        let inside = text.trim_matches(['[', ']']);
        let (base, offset) = inside.split_once('+').unwrap_or((inside, "0"));
        let offset: i64 = offset.parse().map_err(|_| format!("`{text}` is no place"))?;
        Ok((self.operand(base)?, offset as u64))
    }
}

/// Returns an error unless what stands between `ld.global` and its type is a hint, or says this length.
fn is_known(parts: &[&str], length: usize) -> Result<(), String> {
    let mut said = 1;
    for part in &parts[2..parts.len() - 1] {
        match *part {
            "cs" | "nc" => {}
            "v2" => said = 2,
            "v4" => said = 4,
            other => return Err(format!("`.{other}` is not known here")),
        }
    }
    if said == length { Ok(()) } else { Err(format!("{said} registers are wanted")) }
}

/// Returns the bytes of a type that needs no extension in its register.
fn bytes(kind: &str) -> Result<usize, String> {
    match kind {
        "u32" | "b32" | "f32" | "s32" => Ok(4),
        "u64" | "b64" | "f64" | "s64" => Ok(8),
        _ => Err(format!("`.{kind}` is not known here")),
    }
}

/// Splits at commas outside of braces.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    let parts = text.split(|letter| {
        depth += match letter {
            '{' => 1,
            '}' => -1,
            _ => 0,
        };
        letter == ',' && depth == 0
    });
    parts.map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// Splits `{a, b}`; anything else is one.
fn vector(text: &str) -> Vec<&str> {
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(inside) => inside.split(',').map(str::trim).collect(),
        None => vec![text],
    }
}
