//! Sixteen numbers at a time, in the registers of an instruction set.
//!
//! Written with intrinsics: left to the compiler, loops over arrays became vectors in one kernel and
//! single numbers in the next, at half the speed.

use crate::element;

/// Numbers in a vector.
pub(crate) const UNIT: usize = 16;

/// Sixteen `f32`.
///
/// # Safety
///
/// Every method needs the instruction set, and every pointer as many readable bytes as sixteen numbers
/// of its type have, at any address.
pub(crate) trait Vector: Copy {
    unsafe fn zero() -> Self;
    unsafe fn from_f32(numbers: *const u8) -> Self;
    unsafe fn from_bf16(numbers: *const u8) -> Self;
    unsafe fn from_f16(numbers: *const u8) -> Self;
    unsafe fn from_i8(numbers: *const u8, scale: f32) -> Self;
    unsafe fn mul(self, other: Self) -> Self;
    /// Returns `self * other + sum`, rounded once.
    unsafe fn fma(self, other: Self, sum: Self) -> Self;
    unsafe fn store(self) -> [f32; UNIT];
    /// Joins 64 lanes: 32 to 32, 16 to 16, and so on.
    unsafe fn join(lanes: [Self; 4]) -> f32;
    /// How many bytes ahead memory is asked for; none where that is left to the processor.
    const AHEAD: usize;
    /// Asks for a line of memory, which may lie anywhere.
    fn prefetch(line: *const u8);
}

/// What every processor has.
#[derive(Clone, Copy)]
pub(crate) struct Plain([f32; UNIT]);

impl Plain {
    #[inline(always)]
    fn of(number: impl Fn(usize) -> f32) -> Plain {
        let mut all = [0.0; UNIT];
        for (lane, x) in all.iter_mut().enumerate() {
            *x = number(lane);
        }
        Plain(all)
    }
}

impl Vector for Plain {
    #[inline(always)]
    unsafe fn zero() -> Plain {
        Plain([0.0; UNIT])
    }

    #[inline(always)]
    unsafe fn from_f32(numbers: *const u8) -> Plain {
        // SAFETY: so says the trait; every pattern is a number.
        Plain(unsafe { numbers.cast::<[f32; UNIT]>().read_unaligned() })
    }

    #[inline(always)]
    unsafe fn from_bf16(numbers: *const u8) -> Plain {
        // SAFETY: as above.
        let bits = unsafe { numbers.cast::<[u16; UNIT]>().read_unaligned() };
        Plain::of(|lane| element::from_bf16(bits[lane]))
    }

    #[inline(always)]
    unsafe fn from_f16(numbers: *const u8) -> Plain {
        // SAFETY: as above.
        let bits = unsafe { numbers.cast::<[u16; UNIT]>().read_unaligned() };
        Plain::of(|lane| {
            let bits = u32::from(bits[lane]);
            // Moved into the place of an `f32`'s exponent, the number is 2^112 times too small;
            // that also makes the least numbers right, which have no leading one.
            let magnitude = f32::from_bits((bits & 0x7fff) << 13) * f32::from_bits((127 + 112) << 23);
            let special = if magnitude >= 65536.0 { 0x7f80_0000 } else { 0 };
            f32::from_bits(magnitude.to_bits() | special | (bits & 0x8000) << 16)
        })
    }

    #[inline(always)]
    unsafe fn from_i8(numbers: *const u8, scale: f32) -> Plain {
        // SAFETY: as above.
        let q = unsafe { numbers.cast::<[i8; UNIT]>().read_unaligned() };
        Plain::of(|lane| scale * f32::from(q[lane]))
    }

    #[inline(always)]
    unsafe fn mul(self, other: Plain) -> Plain {
        Plain::of(|lane| self.0[lane] * other.0[lane])
    }

    #[inline(always)]
    unsafe fn fma(self, other: Plain, sum: Plain) -> Plain {
        Plain::of(|lane| self.0[lane].mul_add(other.0[lane], sum.0[lane]))
    }

    #[inline(always)]
    unsafe fn store(self) -> [f32; UNIT] {
        self.0
    }

    #[inline(always)]
    unsafe fn join(lanes: [Plain; 4]) -> f32 {
        let [Plain(mut a), Plain(mut b), Plain(c), Plain(d)] = lanes;
        for lane in 0..UNIT {
            a[lane] += c[lane];
            b[lane] += d[lane];
        }
        for lane in 0..UNIT {
            a[lane] += b[lane];
        }
        let mut half = UNIT / 2;
        while half > 0 {
            for lane in 0..half {
                a[lane] += a[lane + half];
            }
            half /= 2;
        }
        a[0]
    }

    const AHEAD: usize = 0;

    #[inline(always)]
    fn prefetch(_: *const u8) {}
}

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86 {
    use std::arch::x86_64::*;

    use super::{UNIT, Vector};

    /// What the processor itself asks for ends at each page.
    const AHEAD: usize = 1536;

    #[inline(always)]
    fn ask(line: *const u8) {
        // SAFETY: a hint reads nothing, so any address will do.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.cast()) };
    }

    /// Joins eight lanes.
    ///
    /// # Safety
    ///
    /// The processor has AVX2.
    #[inline(always)]
    unsafe fn join(lanes: __m256) -> f32 {
        unsafe {
            let four = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
            let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
            _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
        }
    }

    /// One register of AVX-512.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx512(__m512);

    // SAFETY of all below: so says the trait.
    impl Vector for Avx512 {
        #[inline(always)]
        unsafe fn zero() -> Self {
            Avx512(unsafe { _mm512_setzero_ps() })
        }

        #[inline(always)]
        unsafe fn from_f32(numbers: *const u8) -> Self {
            Avx512(unsafe { _mm512_loadu_ps(numbers.cast()) })
        }

        #[inline(always)]
        unsafe fn from_bf16(numbers: *const u8) -> Self {
            let wide = unsafe { _mm512_cvtepu16_epi32(_mm256_loadu_si256(numbers.cast())) };
            Avx512(unsafe { _mm512_castsi512_ps(_mm512_slli_epi32::<16>(wide)) })
        }

        #[inline(always)]
        unsafe fn from_f16(numbers: *const u8) -> Self {
            Avx512(unsafe { _mm512_cvtph_ps(_mm256_loadu_si256(numbers.cast())) })
        }

        #[inline(always)]
        unsafe fn from_i8(numbers: *const u8, scale: f32) -> Self {
            let wide = unsafe { _mm512_cvtepi8_epi32(_mm_loadu_si128(numbers.cast())) };
            Avx512(unsafe { _mm512_mul_ps(_mm512_set1_ps(scale), _mm512_cvtepi32_ps(wide)) })
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            Avx512(unsafe { _mm512_mul_ps(self.0, other.0) })
        }

        #[inline(always)]
        unsafe fn fma(self, other: Self, sum: Self) -> Self {
            Avx512(unsafe { _mm512_fmadd_ps(self.0, other.0, sum.0) })
        }

        #[inline(always)]
        unsafe fn store(self) -> [f32; UNIT] {
            let mut all = [0.0; UNIT];
            unsafe { _mm512_storeu_ps(all.as_mut_ptr(), self.0) };
            all
        }

        #[inline(always)]
        unsafe fn join([Self(a), Self(b), Self(c), Self(d)]: [Self; 4]) -> f32 {
            unsafe {
                let all = _mm512_add_ps(_mm512_add_ps(a, c), _mm512_add_ps(b, d));
                join(_mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps::<1>(all)))
            }
        }

        const AHEAD: usize = AHEAD;

        #[inline(always)]
        fn prefetch(line: *const u8) {
            ask(line);
        }
    }

    /// Two registers of AVX2.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2(__m256, __m256);

    impl Vector for Avx2 {
        #[inline(always)]
        unsafe fn zero() -> Self {
            unsafe { Avx2(_mm256_setzero_ps(), _mm256_setzero_ps()) }
        }

        #[inline(always)]
        unsafe fn from_f32(numbers: *const u8) -> Self {
            unsafe { Avx2(_mm256_loadu_ps(numbers.cast()), _mm256_loadu_ps(numbers.add(32).cast())) }
        }

        #[inline(always)]
        unsafe fn from_bf16(numbers: *const u8) -> Self {
            unsafe {
                let low = _mm256_cvtepu16_epi32(_mm_loadu_si128(numbers.cast()));
                let high = _mm256_cvtepu16_epi32(_mm_loadu_si128(numbers.add(16).cast()));
                Avx2(
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(low)),
                    _mm256_castsi256_ps(_mm256_slli_epi32::<16>(high)),
                )
            }
        }

        #[inline(always)]
        unsafe fn from_f16(numbers: *const u8) -> Self {
            unsafe {
                Avx2(
                    _mm256_cvtph_ps(_mm_loadu_si128(numbers.cast())),
                    _mm256_cvtph_ps(_mm_loadu_si128(numbers.add(16).cast())),
                )
            }
        }

        #[inline(always)]
        unsafe fn from_i8(numbers: *const u8, scale: f32) -> Self {
            unsafe {
                let bytes = _mm_loadu_si128(numbers.cast());
                let low = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes));
                let high = _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128::<8>(bytes)));
                let scale = _mm256_set1_ps(scale);
                Avx2(_mm256_mul_ps(scale, low), _mm256_mul_ps(scale, high))
            }
        }

        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            unsafe { Avx2(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }

        #[inline(always)]
        unsafe fn fma(self, other: Self, sum: Self) -> Self {
            unsafe { Avx2(_mm256_fmadd_ps(self.0, other.0, sum.0), _mm256_fmadd_ps(self.1, other.1, sum.1)) }
        }

        #[inline(always)]
        unsafe fn store(self) -> [f32; UNIT] {
            let mut all = [0.0; UNIT];
            unsafe {
                _mm256_storeu_ps(all.as_mut_ptr(), self.0);
                _mm256_storeu_ps(all.as_mut_ptr().add(8), self.1);
            }
            all
        }

        #[inline(always)]
        unsafe fn join([a, b, c, d]: [Self; 4]) -> f32 {
            unsafe {
                let low = _mm256_add_ps(_mm256_add_ps(a.0, c.0), _mm256_add_ps(b.0, d.0));
                let high = _mm256_add_ps(_mm256_add_ps(a.1, c.1), _mm256_add_ps(b.1, d.1));
                join(_mm256_add_ps(low, high))
            }
        }

        const AHEAD: usize = AHEAD;

        #[inline(always)]
        fn prefetch(line: *const u8) {
            ask(line);
        }
    }
}
