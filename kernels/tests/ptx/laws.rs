//! What the machine forbids and grants, on kernels of a few lines: it judges ours, so it is judged first.

use crate::{machine, memory::Memory, parse};

/// Runs a body on a block of 32 threads with two pieces of memory, of 128 bytes that the host has written
/// and of 128 that nobody has; returns what the second holds then.
fn run(body: &str) -> Result<Vec<u32>, String> {
    let text = format!(
        ".version 9.0\n.target sm_90\n.address_size 64\n.visible .entry k(\n.param .u64 k_in,\n.param .u64 k_out\n)\n{{\n\
         .reg .pred %p<4>;\n.reg .b32 %r<8>;\n.reg .f32 %f<4>;\n.reg .b64 %rd<8>;\n\
         ld.param.u64 %rd1, [k_in];\nld.param.u64 %rd2, [k_out];\n\
         mov.u32 %r1, %tid.x;\nmul.wide.u32 %rd3, %r1, 4;\n\
         add.s64 %rd4, %rd1, %rd3;\nadd.s64 %rd5, %rd2, %rd3;\n{body}\nret;\n}}\n"
    );
    let kernels = parse::kernels(&text)?;
    let mut memory = Memory::default();
    let (given, taken) = (memory.allocate(128), memory.allocate(128));
    memory.fill(given, &(0..32u32).flat_map(|number| (number * 10).to_le_bytes()).collect::<Vec<u8>>());
    machine::launch(&kernels[0], &mut memory, 1, 32, &[given, taken])?;
    Ok(memory.bytes(taken).chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().unwrap())).collect())
}

fn grants(body: &str, wanted: impl Fn(u32) -> u32) {
    assert_eq!(run(body), Ok((0..32).map(wanted).collect()), "{body}");
}

fn forbids(body: &str, why: &str) {
    let found = run(body).expect_err(body);
    assert!(found.contains(why), "{body}: {found}");
}

#[test]
fn threads_that_part_meet_again() {
    grants("ld.global.u32 %r2, [%rd4];\nst.global.u32 [%rd5], %r2;", |lane| lane * 10);
    // Each thread goes round as often as its number says; then all shuffle.
    let rounds = "mov.u32 %r2, 0;\n$L1:\nsetp.ge.u32 %p1, %r2, %r1;\n@%p1 bra $L2;\n\
                  add.s32 %r2, %r2, 1;\nbra.uni $L1;\n$L2:\n\
                  shfl.sync.down.b32 %r3|%p2, %r2, 8, 31, -1;\nst.global.u32 [%rd5], %r3;";
    grants(&rounds.replace("setp.ge.u32", "setp.eq.u32"), |lane| if lane < 24 { lane + 8 } else { lane });
    grants("shfl.sync.idx.b32 %r3|%p2, %r1, 5, 31, -1;\nst.global.u32 [%rd5], %r3;", |_| 5);
    // A guard runs some; `selp` takes what the guard says.
    grants(
        "setp.lt.u32 %p1, %r1, 7;\nmov.u32 %r2, 1;\n@!%p1 mov.u32 %r2, 2;\nst.global.u32 [%rd5], %r2;",
        |lane| if lane < 7 { 1 } else { 2 },
    );
}

#[test]
fn a_shuffle_needs_all_that_it_names() {
    let some_return = "setp.lt.u32 %p1, %r1, 7;\n@%p1 ret;\nshfl.sync.down.b32 %r3|%p2, %r1, 1, 31, -1;";
    forbids(some_return, "threads wait for others");
    // The mask names those that are left, but one of them reads a thread that is gone.
    let reads_gone =
        "setp.lt.u32 %p1, %r1, 7;\n@%p1 ret;\nshfl.sync.idx.b32 %r3|%p2, %r1, 3, 31, 4294967168;";
    forbids(reads_gone, "which is not there");
}

#[test]
fn memory_is_watched() {
    forbids("ld.global.u32 %r2, [%rd4+4];", "reaches byte 132 of a piece of 128");
    forbids("ld.global.u32 %r2, [%rd4+2];", "is no multiple of 4");
    forbids("ld.global.v2.u32 {%r2, %r3}, [%rd4];", "is no multiple of 8");
    forbids("ld.global.u32 %r2, [%rd5];", "which nobody has written");
    forbids("ld.global.u32 %r2, [%rd3];", "in no piece");
    forbids("st.global.u32 [%rd2], %r1;", "twice in one launch: a race");
    forbids("st.global.u32 [%rd5], %r1;\nld.global.u32 %r2, [%rd5];", "this launch has written: a race");
}

#[test]
fn what_is_not_known_is_said() {
    forbids("add.rn.ftz.f32 %f1, %f1, %f1;", "not known here");
    forbids("fma.rz.f32 %f1, %f1, %f1, %f1;", "not known here");
    forbids("add.s32 %r1, %r1;", "2 operands are wanted");
    forbids("mov.u32 %r9, 1;", "no register %r9 is declared");
    forbids("ld.global.volatile.u32 %r2, [%rd4];", "not known here");
    forbids("bra $L7;", "no such label");
    forbids(".shared .align 4 .b32 s[4];", "not known here");
}

#[test]
fn floats_round_once_and_keep_what_is_small() {
    let constant = |number: f32| format!("0f{:08X}", number.to_bits());
    let one = |body: String, wanted: u32| grants(&format!("{body}\nst.global.f32 [%rd5], %f1;"), |_| wanted);
    // 1 + 2^-12 squared, less 1 and 2^-11: the product's last bit survives only where it is not rounded.
    let (x, y) = (1.0 + 2f32.powi(-12), -1.0 - 2f32.powi(-11));
    one(format!("fma.rn.f32 %f1, {0}, {0}, {1};", constant(x), constant(y)), 2f32.powi(-24).to_bits());
    one(
        format!("mul.rn.f32 %f1, {0}, {0};\nadd.rn.f32 %f1, %f1, {1};", constant(x), constant(y)),
        0f32.to_bits(),
    );
    one(format!("add.rn.f32 %f1, {0}, {0};", constant(f32::from_bits(1))), 2);
    one(format!("mul.rn.f32 %f1, {}, {};", constant(f32::INFINITY), constant(0.0)), 0x7fff_ffff);
}

#[test]
fn bytes_are_permuted_as_the_manual_says() {
    let of = |choices: &str| {
        let body =
            format!("mov.u32 %r1, 0x83020180;\nmov.u32 %r2, 0x4b060504;\nprmt.b32 %r3, %r1, %r2, {choices};");
        move |wanted: u32| grants(&format!("{body}\nst.global.u32 [%rd5], %r3;"), |_| wanted)
    };
    of("0x7540")(0x4b05_0480);
    of("0x0123")(0x8001_0283);
    // The fourth bit repeats the sign.
    of("0x98b8")(0x00ff_ffff);
}
