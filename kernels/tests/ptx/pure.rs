//! What instructions compute of registers alone.
//!
//! A register is 64 bits here; narrower values stand in the low ones, and what is above them is never
//! looked at. Each opcode is one line, so that it can be read beside NVIDIA's table of them.

/// A function of at most three registers.
pub(crate) type Pure = fn(u64, u64, u64) -> u64;

/// What the hardware answers where an operation on `f32` gives no number.
const NAN32: u32 = 0x7fff_ffff;

/// Returns what an opcode computes, and of how many operands. What flushes or fuses is not among them.
pub(crate) fn function(opcode: &str) -> Option<(Pure, usize)> {
    let one: Option<Pure> = Some(match opcode {
        "mov.u32" | "mov.b32" | "mov.f32" | "mov.s32" | "mov.u64" | "mov.b64" | "mov.f64" | "mov.pred" => {
            |a, _, _| a
        }
        // One space of addresses holds everything.
        "cvta.to.global.u64" => |a, _, _| a,
        "not.pred" => |a, _, _| u64::from(a & 1 == 0),
        "not.b32" | "not.b64" => |a, _, _| !a,
        "cvt.u64.u32" => |a, _, _| u64::from(a as u32),
        "cvt.u32.u64" | "cvt.u16.u32" => |a, _, _| a,
        "cvt.s32.s8" => |a, _, _| i32::from(a as i8) as u64,
        "cvt.s32.s16" => |a, _, _| i32::from(a as i16) as u64,
        "cvt.s64.s32" => |a, _, _| i64::from(a as i32) as u64,
        "cvt.u32.u16" => |a, _, _| u64::from(a as u16),
        "cvt.rn.f32.s32" => |a, _, _| bits32(a as i32 as f32),
        "cvt.rn.f32.s16" => |a, _, _| bits32(f32::from(a as i16)),
        "cvt.rn.f32.s8" => |a, _, _| bits32(f32::from(a as i8)),
        "cvt.f32.f16" => |a, _, _| bits32(half(a as u16)),
        "cvt.f64.f32" => |a, _, _| f64::from(single(a)).to_bits(),
        _ => {
            return two(opcode)
                .map(|function| (function, 2))
                .or_else(|| three(opcode).map(|function| (function, 3)));
        }
    });
    one.map(|function| (function, 1))
}

fn two(opcode: &str) -> Option<Pure> {
    Some(match opcode {
        "add.s32" | "add.u32" | "add.s64" | "add.u64" => |a, b, _| a.wrapping_add(b),
        "sub.s32" | "sub.u32" | "sub.s64" | "sub.u64" => |a, b, _| a.wrapping_sub(b),
        "mul.lo.s32" | "mul.lo.u32" | "mul.lo.s64" | "mul.lo.u64" => |a, b, _| a.wrapping_mul(b),
        "mul.wide.u32" => |a, b, _| u64::from(a as u32) * u64::from(b as u32),
        "mul.wide.s32" => |a, b, _| (i64::from(a as i32) * i64::from(b as i32)) as u64,
        // The hardware answers all ones where a test would rather know of it.
        "div.u32" => |a, b, _| u64::from(a as u32 / b as u32),
        "div.u64" => |a, b, _| a / b,
        "rem.u32" => |a, b, _| u64::from(a as u32 % b as u32),
        "rem.u64" => |a, b, _| a % b,
        "min.u32" => |a, b, _| u64::from((a as u32).min(b as u32)),
        "min.u64" => |a, b, _| a.min(b),
        "max.u64" => |a, b, _| a.max(b),
        "and.b32" | "and.b64" | "and.pred" => |a, b, _| a & b,
        "or.b32" | "or.b64" | "or.pred" => |a, b, _| a | b,
        "xor.b32" | "xor.b64" | "xor.pred" => |a, b, _| a ^ b,
        // A shift by the width or more leaves nothing, or the sign.
        "shl.b32" => |a, b, _| u64::from((a as u32).checked_shl(b as u32).unwrap_or(0)),
        "shl.b64" => |a, b, _| a.checked_shl(b as u32).unwrap_or(0),
        "shr.u32" | "shr.b32" => |a, b, _| u64::from((a as u32).checked_shr(b as u32).unwrap_or(0)),
        "shr.u64" | "shr.b64" => |a, b, _| a.checked_shr(b as u32).unwrap_or(0),
        "shr.s32" => |a, b, _| (a as i32 >> (b as u32).min(31)) as u64,
        "shr.s64" => |a, b, _| (a as i64 >> (b as u32).min(63)) as u64,
        "setp.eq.s32" | "setp.eq.u32" | "setp.eq.b32" => |a, b, _| u64::from(a as u32 == b as u32),
        "setp.ne.s32" | "setp.ne.u32" | "setp.ne.b32" => |a, b, _| u64::from(a as u32 != b as u32),
        "setp.eq.s64" | "setp.eq.u64" | "setp.eq.b64" => |a, b, _| u64::from(a == b),
        "setp.ne.s64" | "setp.ne.u64" | "setp.ne.b64" => |a, b, _| u64::from(a != b),
        "setp.lt.u32" => |a, b, _| u64::from((a as u32) < b as u32),
        "setp.gt.u32" => |a, b, _| u64::from(a as u32 > b as u32),
        "setp.lt.s32" => |a, b, _| u64::from((a as i32) < b as i32),
        "setp.lt.u64" => |a, b, _| u64::from(a < b),
        "setp.le.u64" => |a, b, _| u64::from(a <= b),
        "setp.gt.u64" => |a, b, _| u64::from(a > b),
        "setp.ge.u64" => |a, b, _| u64::from(a >= b),
        "setp.lt.s64" => |a, b, _| u64::from((a as i64) < b as i64),
        "setp.gt.s64" => |a, b, _| u64::from(a as i64 > b as i64),
        "add.rn.f32" => |a, b, _| bits32(single(a) + single(b)),
        "mul.rn.f32" => |a, b, _| bits32(single(a) * single(b)),
        "add.rn.f64" => |a, b, _| (f64::from_bits(a) + f64::from_bits(b)).to_bits(),
        _ => return None,
    })
}

fn three(opcode: &str) -> Option<Pure> {
    Some(match opcode {
        "fma.rn.f32" => |a, b, c| bits32(single(a).mul_add(single(b), single(c))),
        "mad.lo.s32" | "mad.lo.u32" | "mad.lo.s64" | "mad.lo.u64" => {
            |a, b, c| a.wrapping_mul(b).wrapping_add(c)
        }
        "prmt.b32" => |a, b, c| u64::from(permuted(a as u32, b as u32, c as u32)),
        "mad.wide.u32" => |a, b, c| (u64::from(a as u32) * u64::from(b as u32)).wrapping_add(c),
        "selp.b32" | "selp.u32" | "selp.s32" | "selp.f32" | "selp.b64" | "selp.u64" | "selp.s64" => {
            |a, b, c| if c & 1 == 1 { a } else { b }
        }
        _ => return None,
    })
}

fn single(register: u64) -> f32 {
    f32::from_bits(register as u32)
}

fn bits32(value: f32) -> u64 {
    u64::from(if value.is_nan() { NAN32 } else { value.to_bits() })
}

/// Returns four of eight bytes; of each choice the fourth bit asks for the byte's sign instead.
fn permuted(low: u32, high: u32, choices: u32) -> u32 {
    let bytes = (u64::from(high) << 32 | u64::from(low)).to_le_bytes();
    u32::from_le_bytes(std::array::from_fn(|at| {
        let choice = choices >> (4 * at) & 0xf;
        let byte = bytes[(choice & 7) as usize];
        match choice & 8 {
            0 => byte,
            _ => 0u8.wrapping_sub(byte >> 7),
        }
    }))
}

/// Returns the number that an `f16` stands for, by what IEEE 754 says of it.
fn half(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f32::from(bits & 0x3ff) / 1024.0);
    sign * match exponent {
        0 => fraction * 2f32.powi(-14),
        31 if fraction > 0.0 => f32::NAN,
        31 => f32::INFINITY,
        _ => (1.0 + fraction) * 2f32.powi(exponent - 15),
    }
}
