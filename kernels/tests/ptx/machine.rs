//! Runs kernels warp by warp, 32 threads in step.
//!
//! Where threads of a warp part, those that are furthest behind go first, so that they meet again. A
//! shuffle waits until all threads that its mask names have come to it, as hardware does since Volta.

use crate::{
    memory::Memory,
    parse::{Instruction, Kernel, Op, Operand, Shuffle, Special},
};

const WARP: usize = 32;

/// A value of each thread of a warp.
type Lanes = [u64; WARP];

/// Runs a kernel on so many blocks of so many threads.
pub(crate) fn launch(
    kernel: &Kernel,
    memory: &mut Memory,
    blocks: u32,
    threads: u32,
    arguments: &[u64],
) -> Result<(), String> {
    let name = &kernel.name;
    if arguments.len() != kernel.parameters.len() {
        return Err(format!("{name} takes {} arguments, not {}", kernel.parameters.len(), arguments.len()));
    }
    if !threads.is_multiple_of(WARP as u32) {
        return Err(format!("{name}: blocks are whole warps here, but {threads} threads are asked for"));
    }
    memory.begin();
    for block in 0..blocks {
        for first in (0..threads).step_by(WARP) {
            let mut warp = Warp {
                registers: vec![[0; WARP]; kernel.registers],
                at: [Some(0); WARP],
                waits: [false; WARP],
                first,
                threads,
                block,
                blocks,
            };
            warp.run(kernel, memory, arguments)
                .map_err(|why| format!("{name}, block {block}, warp {}: {why}", first / WARP as u32))?;
        }
    }
    Ok(())
}

struct Warp {
    registers: Vec<Lanes>,
    /// Where each thread is; nothing when it has returned.
    at: [Option<usize>; WARP],
    /// Which threads have come to a shuffle and wait there.
    waits: [bool; WARP],
    first: u32,
    threads: u32,
    block: u32,
    blocks: u32,
}

impl Warp {
    fn run(&mut self, kernel: &Kernel, memory: &mut Memory, arguments: &[u64]) -> Result<(), String> {
        loop {
            let moving = (0..WARP).filter(|lane| !self.waits[*lane]).filter_map(|lane| self.at[lane]).min();
            let Some(at) = moving else {
                return match self.waits.contains(&true) {
                    true => Err(String::from("threads wait for others that have returned or wait elsewhere")),
                    false => Ok(()),
                };
            };
            let instruction = kernel.code.get(at).ok_or("runs off the end")?;
            let here: [bool; WARP] = std::array::from_fn(|lane| self.at[lane] == Some(at));
            self.step(instruction, &here, memory, arguments)
                .map_err(|why| format!("`{}`: {why}", instruction.text))?;
        }
    }

    /// Runs an instruction for the threads that are there.
    fn step(
        &mut self,
        instruction: &Instruction,
        here: &[bool; WARP],
        memory: &mut Memory,
        arguments: &[u64],
    ) -> Result<(), String> {
        let mut runs = *here;
        if let Some((guard, wanted)) = instruction.guard {
            let guard = &self.registers[guard];
            (0..WARP).for_each(|lane| runs[lane] &= (guard[lane] & 1 == 1) == wanted);
        }
        let running = || (0..WARP).filter(|lane| runs[*lane]);
        let mut jumps = None;
        match &instruction.op {
            Op::Pure { to, function, from } => {
                let [a, b, c] = from.map(|operand| self.values(operand));
                let to = &mut self.registers[*to];
                running().for_each(|lane| to[lane] = function(a[lane], b[lane], c[lane]));
            }
            Op::Parameter { to, parameter } => {
                running().for_each(|lane| self.registers[*to][lane] = arguments[*parameter]);
            }
            Op::Load { to, bytes, base, offset } => {
                let base = self.values(*base);
                for lane in running() {
                    let loaded = memory.load(base[lane].wrapping_add(*offset), to.len() * bytes)?;
                    for (to, loaded) in to.iter().zip(loaded.chunks_exact(*bytes)) {
                        let mut number = [0; 8];
                        number[..*bytes].copy_from_slice(loaded);
                        self.registers[*to][lane] = u64::from_le_bytes(number);
                    }
                }
            }
            Op::Store { from, bytes, base, offset } => {
                let (base, from) = (self.values(*base), self.values(*from));
                for lane in running() {
                    let number = from[lane].to_le_bytes();
                    memory.store(base[lane].wrapping_add(*offset), &number[..*bytes])?;
                }
            }
            Op::Shuffle { kind, to, valid, from, by, bounds, mask } => {
                let mask = self.values(*mask);
                let complete =
                    |lane: usize| (0..WARP).all(|other| (mask[lane] >> other & 1 == 1) == runs[other]);
                if !running().all(complete) {
                    running().for_each(|lane| self.waits[lane] = true);
                    return Ok(());
                }
                let (values, by, bounds) = (self.values(*from), self.values(*by), self.values(*bounds));
                for lane in running() {
                    let source = source(*kind, lane, by[lane], bounds[lane]);
                    let is_valid = source.is_some();
                    let source = source.unwrap_or(lane);
                    if !runs[source] {
                        return Err(format!("thread {lane} reads thread {source}, which is not there"));
                    }
                    self.registers[*to][lane] = values[source];
                    if let Some(valid) = valid {
                        self.registers[*valid][lane] = u64::from(is_valid);
                    }
                    self.waits[lane] = false;
                }
            }
            Op::Branch { target } => jumps = Some(Some(*target)),
            Op::Return => jumps = Some(None),
        }
        for lane in (0..WARP).filter(|lane| here[*lane]) {
            self.at[lane] = match jumps {
                Some(target) if runs[lane] => target,
                _ => self.at[lane].map(|at| at + 1),
            };
        }
        Ok(())
    }

    fn values(&self, operand: Operand) -> Lanes {
        match operand {
            Operand::Register(register) => self.registers[register],
            Operand::Constant(constant) => [constant; WARP],
            Operand::Special(Special::Thread) => {
                std::array::from_fn(|lane| u64::from(self.first) + lane as u64)
            }
            Operand::Special(Special::Threads) => [u64::from(self.threads); WARP],
            Operand::Special(Special::Block) => [u64::from(self.block); WARP],
            Operand::Special(Special::Blocks) => [u64::from(self.blocks); WARP],
        }
    }
}

/// Returns which thread a shuffle reads; nothing where that is beyond its bounds.
fn source(kind: Shuffle, lane: usize, by: u64, bounds: u64) -> Option<usize> {
    let (by, last, segments) = (by as usize & 31, bounds as usize & 31, bounds as usize >> 8 & 31);
    let first = lane & segments;
    let last = first | (last & !segments);
    let source = match kind {
        Shuffle::Down => lane + by,
        Shuffle::Index => first | (by & !segments),
    };
    (source <= last).then_some(source)
}
